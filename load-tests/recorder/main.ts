/**
 * Records the bundled sample again: `node load-tests/recorder/main.ts [FOLDER]` (default load-tests/samples) writes
 * demo.pcap.gz and demo.manifest.json there. Needs tcpdump, and root or CAP_NET_RAW.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { record } from './record.ts';

const folder = process.argv[2] ?? fileURLToPath(new URL('../samples', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'bittern-record-'));
try {
  const path = join(scratch, 'demo.pcap');
  const manifest = await record(path);
  const packed = gzipSync(readFileSync(path), { level: 9 });
  writeFileSync(join(folder, 'demo.pcap.gz'), packed);
  writeFileSync(join(folder, 'demo.manifest.json'), JSON.stringify(manifest, null, 1) + '\n');
  const { packets, connections } = manifest.capture;
  process.stdout.write(
    `${manifest.calls.length} calls, ${manifest.exchanges.length} other exchanges, ${connections} connections, ${packets} packets, ${packed.length} bytes in ${folder}\n`,
  );
} finally {
  rmSync(scratch, { recursive: true });
}
