import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Address } from '../../load-tests/wire/packets.ts';
import type { Frame } from '../../schemas/frame.ts';
import type { CaptureOptions } from '../options.ts';
import {
  CLIENT,
  capturePackets,
  lines,
  type Outcome,
  REQUEST,
  RESPONSE,
  START,
  type Step,
  type TimedPacket,
  timed,
} from '../scenario.ts';

const SECOND = 1_000_000;

function client(index: number): Address {
  return { ip: `10.${(index >> 14) + 1}.${(index >> 6) & 255}.1`, port: 1024 + (index & 63) * 17 };
}

/** A call on a connection of its own, with as many ms between packets as `pace`. */
function call(from: Address, begin: number, pace: number): TimedPacket[] {
  const at = (step: number): number => step * pace;
  const steps: Step[] = [
    { from: 'c', flags: 'S', seq: 1000, ack: 0, at: at(0), client: from },
    { from: 's', flags: 'SA', seq: 5000, ack: 1001, at: at(1), client: from },
    { from: 'c', flags: 'A', seq: 1001, ack: 5001, at: at(2), client: from },
    { from: 'c', flags: 'PA', seq: 1001, ack: 5001, at: at(3), data: REQUEST, client: from },
    { from: 's', flags: 'PA', seq: 5001, ack: 1001 + REQUEST.length, at: at(4), data: RESPONSE, client: from },
    { from: 'c', flags: 'FA', seq: 1001 + REQUEST.length, ack: 5001 + RESPONSE.length, at: at(5), client: from },
    { from: 's', flags: 'FA', seq: 5001 + RESPONSE.length, ack: 1002 + REQUEST.length, at: at(6), client: from },
  ];
  return timed(steps).map(({ time, packet }) => ({ time: time + begin, packet }));
}

const inTime = (packets: TimedPacket[]): TimedPacket[] => packets.sort((one, two) => one.time - two.time);

function byConnection(frames: readonly Frame[]): Frame[][] {
  const all = new Map<string, Frame[]>();
  for (const frame of frames) all.set(frame.connection, [...(all.get(frame.connection) ?? []), frame]);
  return [...all.values()];
}

const WHOLE = [`c ${REQUEST}`, `s ${RESPONSE}`, 'c fin', 's fin', 'close fin'];

function assertWhole(frames: readonly Frame[], connections: number): void {
  const all = byConnection(frames);
  assert.equal(all.length, connections);
  for (const each of all) {
    assert.deepEqual(lines(each), WHOLE);
    assert.ok(each[0]!.fromStart && each[0]!.rolesSource === 'handshake');
  }
}

/** Requests of ever new clients without a handshake, as many a second. */
function flood(perSecond: number, seconds: number, flags = 'PA', begin = 0): TimedPacket[] {
  return Array.from({ length: perSecond * seconds }, (_, index) => {
    const from = { ip: `11.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, port: 5000 };
    const step: Step = { from: 'c', flags, seq: index * 7, ack: flags === 'S' ? 0 : 9, client: from };
    const packet = timed([flags === 'S' ? step : { ...step, data: REQUEST }])[0]!.packet;
    return { time: START + begin + Math.floor((index * SECOND) / perSecond), packet };
  });
}

function floodOf({ report }: Outcome): number {
  return report.losses.find(({ reason }) => reason === 'flood')?.packets ?? 0;
}

test('10,000 connections that begin within a second, as a load balancer opens them, are whole', () => {
  const packets = Array.from({ length: 10_000 }, (_, index) => call(client(index), index * 100, 3)).flat();
  const outcome = capturePackets(inTime(packets));
  assertWhole(outcome.frames, 10_000);
  assert.equal(outcome.report.connections, 10_000);
  assert.deepEqual(outcome.report.losses, []);
});

test('connections that begin during a flood of SYNs are whole, those from before and after as well', () => {
  const calls = Array.from({ length: 300 }, (_, index) => call(client(index), index * 10_000, 50)).flat();
  const outcome = capturePackets(inTime([...calls, ...flood(100_000, 2, 'S', SECOND / 2)]));
  assertWhole(outcome.frames, 300);
  // Of 200,000 SYNs those are counted for which there was no place any more.
  assert.ok(floodOf(outcome) > 130_000 && floodOf(outcome) <= 200_000, String(floodOf(outcome)));
});

test('connections that begin during a flood of requests are whole; what is dropped of the flood is counted', () => {
  const calls = Array.from({ length: 300 }, (_, index) => call(client(index), index * 10_000, 50)).flat();
  const { frames, report } = capturePackets(inTime([...calls, ...flood(100_000, 2, 'PA', SECOND / 2)]));
  assertWhole(
    frames.filter(({ client: { address } }) => address.startsWith('10.')),
    300,
  );
  const flooded = byConnection(frames.filter(({ client: { address } }) => address.startsWith('11.')));
  const lost = report.losses.find(({ reason }) => reason === 'flood')!;
  assert.equal(flooded.length + lost.packets, 200_000);
  assert.equal(lost.bytes, lost.packets * REQUEST.length);
});

test('a connection that is joined while many are waits for its second packet, and loses nothing', () => {
  const joined = (index: number): TimedPacket[] =>
    timed([
      { from: 'c', flags: 'PA', seq: 500, ack: 900, data: REQUEST, client: client(index), at: 0 },
      { from: 's', flags: 'PA', seq: 900, ack: 500 + REQUEST.length, data: RESPONSE, client: client(index), at: 20 },
    ]).map(({ time, packet }) => ({ time: time + index * 50, packet }));
  const outcome = capturePackets(inTime(Array.from({ length: 10_000 }, (_, index) => joined(index)).flat()));
  const all = byConnection(outcome.frames);
  assert.equal(all.length, 10_000);
  for (const each of all) assert.deepEqual(lines(each), [`c ${REQUEST}`, `s ${RESPONSE}`, 'close stopped']);
  assert.deepEqual(outcome.report.losses, []);
});

test('what waits for a second packet that never comes is joined by itself, when there is time or the capture ends', () => {
  const late = timed([{ from: 'c', flags: 'PA', seq: 1, ack: 1, data: REQUEST, client: client(1), at: 10_000 }]);
  const { frames, report } = capturePackets([...flood(6_000, 1), ...late]);
  assert.equal(byConnection(frames).length, 6_001);
  assert.deepEqual(report.losses, []);
});

test('beyond the connections that may begin in a second, further ones are dropped and counted, and known ones go on', () => {
  const few: Partial<CaptureOptions> = { connectionsPerSecondMax: 10 };
  const first = call(CLIENT, 0, 200);
  const others = Array.from({ length: 100 }, (_, index) => call(client(index), 100_000 + index * 100, 1)).flat();
  const outcome = capturePackets(inTime([...first, ...others]), few);
  const all = byConnection(outcome.frames);
  // Twice as many at once; what refills meanwhile.
  assert.ok(all.length >= 20 && all.length <= 24, String(all.length));
  const known = all.find(([frame]) => frame!.client.address === CLIENT.ip)!;
  assert.deepEqual(lines(known), WHOLE);
  assert.ok(floodOf(outcome) > 0);
});

test('a handshake that is repeated, answered late or out of order is the same connection', () => {
  const [syn, synAck, ack, ask, answer, fin, finBack] = call(CLIENT, 0, 1);
  const orders = [
    [syn, syn, synAck, synAck, ack, ack, ask],
    [synAck, syn, ack, ask],
    [synAck, synAck, ack, ask],
    [syn, ask, synAck, ack],
    [syn, ack, synAck, ask],
    [ack, syn, synAck, ask],
  ];
  for (const order of orders) {
    const packets = [...order, answer, fin, finBack].map((each, index) => ({ ...each!, time: START + index * 1000 }));
    const { frames, report } = capturePackets(packets);
    assertWhole(frames, 1);
    assert.deepEqual([report.connections, report.losses], [1, []]);
  }
});
