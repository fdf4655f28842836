/** A capture of what happens on loopback, by tcpdump (needs root or CAP_NET_RAW). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const DUMP = {
  /** tcpdump's ring, KiB. */
  ringKiB: 32_768,
  /** The longest packet of the loopback device. The ring has slots of this size, so more would only make them fewer. */
  snapLengthBytes: 65_536 + 64,
  startupTimeoutMs: 10_000,
} as const;

export interface Dump {
  readonly child: ChildProcess;
  /** What it wrote on standard error. */
  text: string;
}

/** Captures the traffic of `ports` into the file `path` (classic pcap). */
export function startDump(path: string, ...ports: readonly number[]): Promise<Dump> {
  return startDumpIn(DUMP.ringKiB, path, ...ports);
}

/** As `startDump`, where more comes at once than its ring would hold. */
export async function startDumpIn(ringKiB: number, path: string, ...ports: readonly number[]): Promise<Dump> {
  const sizes = ['-s', String(DUMP.snapLengthBytes), '-B', String(ringKiB)];
  const args = ['-i', 'lo', '-U', ...sizes, '--immediate-mode', '-w', path];
  const filter = ports.map((port) => `tcp port ${port}`).join(' or ');
  const child = spawn('tcpdump', [...args, filter], { stdio: ['ignore', 'ignore', 'pipe'] });
  const dump: Dump = { child, text: '' };
  child.stderr?.on('data', (bytes: Buffer) => {
    dump.text += bytes.toString();
  });
  const deadline = Date.now() + DUMP.startupTimeoutMs;
  while (!dump.text.includes('listening on')) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`tcpdump doesn't capture; run as root or give it CAP_NET_RAW: ${dump.text}`);
    }
    await sleep(20);
  }
  return dump;
}

export async function stopDump(dump: Dump): Promise<void> {
  const exit = once(dump.child, 'exit');
  dump.child.kill('SIGINT');
  await exit;
  if (!/^0 packets dropped by kernel/m.test(dump.text)) {
    throw new Error(`The kernel dropped packets of the recording, so it isn't whole; record again: ${dump.text}`);
  }
}
