/** Tunnels as the kernel writes them: two network namespaces, real HTTP between them, tcpdump on the wire below the tunnel. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Capture } from '../../mirror/capture.ts';
import { CAPTURE_DEFAULTS } from '../../mirror/options.ts';
import type { Frame } from '../../schemas/frame.ts';
import { missingPrograms, withFolder } from '../testing.ts';
import { tsharkSegments } from '../tshark.ts';

const [A, B] = [`bitternA${process.pid}`, `bitternB${process.pid}`];
const PORT = 8080;
const BODY_BYTES = 50_000;

/** `ip link add tun0 …` in each namespace; the underlay is 10.55.0.1 and .2. */
const KINDS: readonly { readonly name: string; readonly link: string; readonly mtu?: number }[] = [
  { name: 'vxlan', link: 'type vxlan id 5 dstport 4789 local LOCAL remote REMOTE dev wire0' },
  // The packets of the tunnel are larger than the wire takes: the kernel makes fragments.
  { name: 'vxlan in fragments', link: 'type vxlan id 5 dstport 4789 local LOCAL remote REMOTE', mtu: 600 },
  { name: 'geneve', link: 'type geneve id 5 remote REMOTE' },
  { name: 'gre', link: 'type gre local LOCAL remote REMOTE key 7 csum seq' },
  { name: 'gretap', link: 'type gretap local LOCAL remote REMOTE' },
  { name: 'erspan', link: 'type erspan seq key 30 local LOCAL remote REMOTE erspan_ver 1 erspan 123' },
  { name: 'ipip', link: 'type ipip local LOCAL remote REMOTE' },
  { name: 'vlan', link: 'link wire0 type vlan id 7' },
];

const SERVER = `require('node:http').createServer((request, response) => {
  request.resume().on('end', () => response.end('answer '.padEnd(${BODY_BYTES}, 'a')));
}).listen(${PORT}, () => console.log('listening'))`;
const CLIENT = `fetch('http://192.168.77.2:${PORT}/v1/messages', { method: 'POST', body: 'q'.repeat(${BODY_BYTES}) })
  .then((answer) => answer.text()).then((text) => process.exit(text.length === ${BODY_BYTES} ? 0 : 1))`;

function obstacle(): string | false {
  const missing = missingPrograms('tcpdump', 'tshark');
  if (missing !== false || process.env.CI === 'true') return missing;
  if (process.getuid?.() !== 0) return 'NOT TESTED: network namespaces need root';
  return spawnSync('ip', ['-V']).error === undefined ? false : 'NOT TESTED: ip (iproute2) is not installed';
}

function ip(line: string): void {
  execFileSync('ip', line.split(' '), { stdio: 'pipe' });
}

/** False when this kernel doesn't have the kind of link. */
function setUp(link: string, mtu: number): boolean {
  ip(`netns add ${A}`);
  ip(`netns add ${B}`);
  ip(`link add wire0 netns ${A} type veth peer name wire0 netns ${B}`);
  for (const [space, local, remote] of [
    [A, 1, 2],
    [B, 2, 1],
  ] as const) {
    ip(`-n ${space} addr add 10.55.0.${local}/24 dev wire0`);
    ip(`-n ${space} link set wire0 up mtu ${mtu}`);
    const made = link.replace('LOCAL', `10.55.0.${local}`).replace('REMOTE', `10.55.0.${remote}`);
    // "link wire0 type vlan" names its device before the new link's name.
    const [before, after] = made.startsWith('link ') ? [made.slice(0, 11), made.slice(11)] : ['', made];
    const args = `-n ${space} link add ${before}name tun0 ${after}`.replace('  ', ' ').split(' ');
    if (spawnSync('ip', args).status !== 0) return false;
    ip(`-n ${space} addr add 192.168.77.${local}/24 dev tun0`);
    ip(`-n ${space} link set tun0 up mtu 1400`);
  }
  return true;
}

function tearDown(): void {
  for (const space of [A, B]) spawnSync('ip', ['netns', 'del', space]);
}

/** One real HTTP exchange through the tunnel. Returns what tcpdump saw of it on the wire. */
async function captureExchange(t: TestContext, pcap: string): Promise<Buffer> {
  const inside = (space: string, ...command: readonly string[]) =>
    spawn('ip', ['netns', 'exec', space, ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
  const server = inside(B, process.execPath, '-e', SERVER);
  const tcpdump = inside(A, 'tcpdump', '-i', 'wire0', '-U', '-s', '0', '-w', pcap);
  t.after(() => {
    server.kill('SIGKILL');
    tcpdump.kill('SIGKILL');
  });
  await Promise.all([once(server.stdout, 'data'), once(tcpdump.stderr, 'data')]);
  await sleep(300);
  const client = inside(A, process.execPath, '-e', CLIENT);
  assert.deepEqual(await once(client, 'close'), [0, null]);
  await sleep(1_200); // tcpdump gets packets in blocks.
  tcpdump.kill('SIGINT');
  await once(tcpdump, 'close');
  server.kill();
  return readFileSync(pcap);
}

function payloads(frames: readonly Frame[]): Record<'client' | 'server', string> {
  const sides = { client: '', server: '' };
  for (const frame of frames) {
    let at = 0;
    for (const { side, length, gap } of frame.segments) {
      assert.equal(gap, 0);
      sides[side] += frame.payload.toString('latin1', at, at + length);
      at += length;
    }
  }
  return sides;
}

let tested = 0;
for (const { name, link, mtu = 1500 } of KINDS) {
  test(`the kernel's ${name}: a real exchange comes out whole`, { skip: obstacle(), timeout: 60_000 }, async (t) => {
    t.after(tearDown);
    if (!setUp(link, mtu)) {
      t.diagnostic(`NOT TESTED: this kernel has no ${name}; packets of the same form come from the generator`);
      return;
    }
    tested++;
    await withFolder(async (folder) => {
      const path = join(folder, 'wire.pcap');
      const pcap = await captureExchange(t, path);
      writeFileSync(path, pcap);
      const frames: Frame[] = [];
      const capture = new Capture(CAPTURE_DEFAULTS, (frame) => frames.push(frame));
      capture.write(pcap);
      capture.end('eof');
      const { client, server } = payloads(frames);
      assert.match(client, /^POST \/v1\/messages HTTP\/1\.1\r\n/);
      assert.ok(client.endsWith('q'.repeat(BODY_BYTES)));
      assert.ok(server.startsWith('HTTP/1.1 200 OK') && server.includes('a'.repeat(BODY_BYTES - 7)));
      assert.equal(frames[0]?.server.address, '192.168.77.2');
      const theirs = await tsharkSegments(path);
      const bytes = theirs.reduce((sum, { payload }) => sum + payload.length / 2, 0);
      const report = capture.takeReport();
      assert.equal(report.payloadBytes + report.retransmittedBytes, bytes);
      if (name.includes('fragments')) assert.ok(report.packets > theirs.length * 1.5, 'the kernel made fragments');
    });
  });
}

test('at least VXLAN was tested with the kernel', { skip: obstacle() }, () => {
  assert.ok(tested >= 2, 'the kernel must have veth and vxlan for these tests');
});
