import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Frame } from '../schemas/frame.ts';
import { Capture } from './capture.ts';
import { droppedIn, LIVE_DEFAULTS, startLiveCapture } from './live.ts';
import { CAPTURE_DEFAULTS } from './options.ts';
import { lines, REQUEST, RESPONSE } from './scenario.ts';

/** Why live capture can't be tested here; in CI that is a failure, not a reason to skip. */
function obstacle(tool: string): string | false {
  const available = spawnSync(tool, ['--version']).error === undefined;
  const allowed = process.getuid?.() === 0;
  if (available && allowed) return false;
  if (process.env.CI) return false;
  return `live capture is NOT tested: ${available ? 'run the tests as root' : `install ${tool}`}`;
}

for (const tool of ['tcpdump', 'dumpcap'] as const) {
  test(`captures real traffic on loopback with ${tool}`, { skip: obstacle(tool), timeout: 30_000 }, async () => {
    const server = createServer((socket) => socket.once('data', () => socket.end(RESPONSE))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const frames: Frame[] = [];
    const capture = new Capture(CAPTURE_DEFAULTS, (frame) => frames.push(frame));
    const live = startLiveCapture({ ...LIVE_DEFAULTS, tool, interface: 'lo', filter: `tcp port ${port}` });
    const reading = (async () => {
      for await (const chunk of live.chunks) capture.write(chunk);
    })();
    await live.ready;
    await sleep(500);
    const socket = connect(port, '127.0.0.1', () => socket.write(REQUEST));
    socket.resume();
    await once(socket, 'close');
    server.close();
    await sleep(500);
    live.stop();
    const end = await live.ended;
    await reading;
    capture.end('stopped');
    assert.equal(end.failure, null);
    assert.equal(end.droppedPackets, 0);
    assert.deepEqual(lines(frames).slice(0, 2), [`c ${REQUEST}`, `s ${RESPONSE}`]);
    assert.equal(frames.at(-1)?.close, 'fin');
    assert.deepEqual([frames[0]?.server.port, frames[0]?.rolesSource], [port, 'handshake']);
  });
}

test('a tool that ends by itself tells why', { skip: obstacle('tcpdump') }, async () => {
  const live = startLiveCapture({ ...LIVE_DEFAULTS, interface: 'nosuchdevice0' });
  for await (const _ of live.chunks) assert.fail('no bytes were expected');
  const { failure } = await live.ended;
  assert.equal(failure?.code, 'BIT_LIVE_ENDED');
  assert.match(failure?.message ?? '', /nosuchdevice0/);
});

test('tcpdump tells of drops while it captures, when it is asked', { skip: obstacle('tcpdump') }, async () => {
  const live = startLiveCapture({ ...LIVE_DEFAULTS, interface: 'lo', filter: 'tcp port 9' });
  const reading = (async () => {
    for await (const _ of live.chunks);
  })();
  await live.ready;
  live.askForDrops();
  await sleep(1_500);
  assert.equal(live.droppedPackets(), 0);
  live.stop();
  assert.equal((await live.ended).failure, null, 'being asked does it no harm');
  await reading;
});

test('a tool that is not installed is told, not thrown', async () => {
  const path = process.env.PATH;
  process.env.PATH = '/nonexistent';
  const live = startLiveCapture({ ...LIVE_DEFAULTS, interface: 'lo' });
  process.env.PATH = path;
  for await (const _ of live.chunks) assert.fail('no bytes were expected');
  assert.equal((await live.ended).failure?.code, 'BIT_LIVE_NOT_STARTED');
});

test('drops are read out of what the tools say at their end', () => {
  assert.equal(droppedIn('10 packets captured\n12 packets received by filter\n2 packets dropped by kernel\n'), 2);
  assert.equal(
    droppedIn("Packets received/dropped on interface 'lo': 100/12 (pcap:10/dumpcap:2/flushed:0/ps_ifdrop:0) (89.3%)"),
    12,
  );
  assert.equal(droppedIn('tcpdump: listening on lo'), 0);
  assert.equal(droppedIn('2 packets dropped by kernel\n5 packets dropped by kernel\n'), 5, 'the last answer counts');
});
