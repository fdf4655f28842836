import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ethernetFrame, PcapWriter } from '../load-tests/wire/packets.ts';
import type { Frame } from '../schemas/frame.ts';
import { FRAMES } from '../schemas/topics.ts';
import { Capture } from './capture.ts';
import { CAPTURE_DEFAULTS, type CaptureOptions } from './options.ts';
import {
  CLIENT,
  HANDSHAKE,
  lines,
  MS,
  REQUEST,
  RESPONSE,
  run,
  START,
  type Step,
  type TimedPacket,
  timed,
} from './scenario.ts';

const ASK: Step = { from: 'c', flags: 'PA', seq: 1001, ack: 5001, data: REQUEST };
const ANSWER: Step = { from: 's', flags: 'PA', seq: 5001, ack: 1019, data: RESPONSE };

function pcap(packets: readonly TimedPacket[]): Buffer {
  const writer = new PcapWriter();
  for (const { time, packet } of packets) writer.packet(time, ethernetFrame(packet));
  return writer.bytes();
}

function start(options: Partial<CaptureOptions> = {}): { capture: Capture; frames: Frame[] } {
  const frames: Frame[] = [];
  return { capture: new Capture({ ...CAPTURE_DEFAULTS, ...options }, (frame) => frames.push(frame)), frames };
}

test('a frame goes after its delay by the capture clock, and by ticks when no packets come', () => {
  const { capture, frames } = start();
  capture.write(pcap(timed([...HANDSHAKE, ASK])));
  assert.equal(frames.length, 0);
  capture.tick(START + 150 * MS);
  assert.equal(frames.length, 0);
  capture.tick(START + 250 * MS);
  assert.deepEqual(lines(frames), [`c ${REQUEST}`]);
});

test('frames are cut at their size, in sequence, and their offsets go on', () => {
  const data = Array.from(
    { length: 20 },
    (_, index): Step => ({ from: 's', flags: 'A', seq: 5001 + index * 1000, ack: 1019, data: 'z'.repeat(1000) }),
  );
  const { frames } = run([...HANDSHAKE, ASK, ...data], { frameBytesMax: 4000, sniff: false });
  assert.deepEqual(
    frames.map(({ sequence, payload }) => [sequence, payload.length]),
    [
      [0, 3018],
      [1, 4000],
      [2, 4000],
      [3, 4000],
      [4, 4000],
      [5, 1000],
    ],
  );
  assert.deepEqual(
    frames.map(({ serverOffset }) => serverOffset),
    [0, 3000, 7000, 11_000, 15_000, 19_000],
  );
});

test('the largest frames, of the largest segments and of the smallest, encode below 1 MB', () => {
  const encoded: number[] = [];
  for (const [size, count] of [
    [65_000, 40],
    [1, 9000],
  ] as const) {
    const steps = Array.from(
      { length: count },
      (_, index): Step => ({
        from: 's',
        flags: 'A',
        seq: 5001 + index * size,
        ack: 1001,
        data: 'z'.repeat(size),
        at: index + 9,
      }),
    );
    const { frames } = run([...HANDSHAKE, ...steps], { frameBytesMax: 768 * 1024, frameDelayMs: 60_000, sniff: false });
    assert.equal(
      frames.reduce((sum, frame) => sum + frame.payload.length, 0),
      size * count,
    );
    encoded.push(...frames.map((frame) => FRAMES.codec.encode(frame).length));
  }
  assert.ok(Math.max(...encoded) > 700_000 && Math.max(...encoded) < 1_000_000, String(Math.max(...encoded)));
});

test('limits that make no sense are refused with their name', () => {
  assert.throws(() => start({ frameBytesMax: 2_000_000 }), { code: 'BIT_CAPTURE_OPTIONS', message: /frameBytesMax/ });
  assert.throws(() => start({ vxlanPorts: [0] }), { code: 'BIT_CAPTURE_OPTIONS', message: /vxlanPorts/ });
  assert.throws(() => start({ gapGraceMs: Number.NaN }), { code: 'BIT_CAPTURE_OPTIONS', message: /gapGraceMs/ });
});

test('rotated files are one capture: connections go on', () => {
  const packets = timed([...HANDSHAKE, ASK, ANSWER]);
  const { capture, frames } = start();
  capture.nextSource('a.pcap');
  capture.write(pcap(packets.slice(0, 4)));
  capture.nextSource('b.pcap');
  capture.write(pcap(packets.slice(4)));
  capture.end('eof');
  assert.deepEqual(lines(frames), [`c ${REQUEST}`, `s ${RESPONSE}`, 'close stopped']);
  assert.equal(capture.takeReport().source, 'b.pcap');
});

test('a source from an earlier time starts a clock of its own', () => {
  const { capture, frames } = start();
  const first = timed([...HANDSHAKE, ASK]);
  const second = timed([...HANDSHAKE, ASK, ANSWER]).map(({ time, packet }) => ({
    time: time - 86_400_000_000,
    packet,
  }));
  capture.write(pcap(first));
  capture.nextSource('yesterday.pcap');
  capture.write(pcap(second));
  const { time, packet } = second[4]!;
  capture.write(pcap([{ time: time + 1_000_000, packet }]).subarray(24));
  assert.deepEqual(lines(frames), [`c ${REQUEST}`, 'close stopped', `c ${REQUEST}`, `s ${RESPONSE}`]);
});

test('one packet with an absurd time expires nothing', () => {
  const packets = timed([...HANDSHAKE, ASK, ANSWER]);
  const wild = { time: START + 3_000_000_000_000, packet: packets[2]!.packet };
  const { capture, frames } = start();
  capture.write(pcap([...packets.slice(0, 4), wild, packets[4]!]));
  capture.end('eof');
  assert.deepEqual(lines(frames), [`c ${REQUEST}`, `s ${RESPONSE}`, 'close stopped']);
});

test('a report covers the time since the one before it', () => {
  const { capture } = start({ probe: 'p1' });
  capture.nextSource('x.pcap');
  capture.write(pcap(timed([...HANDSHAKE, ASK, ASK])));
  const first = capture.takeReport();
  assert.deepEqual(
    [first.probe, first.source, first.packets, first.connections, first.retransmittedBytes, first.from, first.to],
    ['p1', 'x.pcap', 5, 1, REQUEST.length, START + MS, START + 5 * MS],
  );
  capture.end('eof');
  const second = capture.takeReport();
  assert.deepEqual([second.packets, second.frames, second.payloadBytes, second.from], [0, 1, REQUEST.length, 0]);
});

test('pending frames and parked bytes stay within the limit of all connections', () => {
  const { capture, frames } = start({ totalBufferBytesMax: 1024 * 1024, sniff: false, frameDelayMs: 60_000 });
  const steps = Array.from({ length: 400 }, (_, port): Step[] => {
    const client = { ip: '10.1.0.1', port: port + 1 };
    const hole: Step = { from: 'c', flags: 'A', seq: 2000, ack: 5001, data: 'h'.repeat(4000), client };
    return [...[...HANDSHAKE, ASK].map((step) => ({ ...step, client })), hole];
  }).flat();
  capture.write(pcap(timed(steps).map(({ packet }, index) => ({ time: START + index, packet }))));
  const before = frames.reduce((sum, frame) => sum + frame.payload.length, 0);
  assert.ok(before > 600_000, 'the oldest were passed on before any time was over');
  capture.end('eof');
  assert.equal(
    frames.reduce((sum, frame) => sum + frame.payload.length, 0),
    400 * (REQUEST.length + 4000),
  );
  assert.equal(capture.takeReport().losses[0]?.bytes, 400 * (2000 - 1019));
});

test('frames own their bytes: the chunk that was written may be used again', () => {
  const chunk = pcap(timed([...HANDSHAKE, ASK]));
  const { capture, frames } = start();
  capture.write(chunk);
  chunk.fill(0);
  capture.end('eof');
  assert.equal(frames[0]?.payload.toString(), REQUEST);
});

test('a hundred thousand idle connections cost well below 500 MB', (context) => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const memory = (): number => {
    gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const capture = new Capture(CAPTURE_DEFAULTS, () => {});
  const steps = timed([...HANDSHAKE, ASK]);
  const writer = new PcapWriter();
  const before = memory();
  for (let index = 0; index < 100_000; index++) {
    const client = { ip: `10.${index >> 14}.0.1`, port: 1 + (index & 16_383) };
    for (const { packet } of steps) {
      const [from, to] = packet.from === CLIENT ? [client, packet.to] : [packet.from, client];
      writer.packet(START + index * 100, ethernetFrame({ ...packet, from, to }));
    }
    capture.write(writer.drain());
  }
  capture.tick(START + 20_000_000);
  const each = (memory() - before) / 100_000;
  context.diagnostic(`${Math.round(each)} bytes for each idle connection`);
  assert.ok(each < 3000, String(each));
  const report = capture.takeReport();
  assert.deepEqual([report.connections, report.frames, report.losses], [100_000, 100_000, []]);
});
