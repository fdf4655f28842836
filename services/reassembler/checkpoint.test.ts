import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { GENERATOR_DEFAULTS, generate } from '../../load-tests/generator/generate.ts';
import { CAPTURE_DEFAULTS, Capture } from '../../mirror/index.ts';
import type { ConnectionId } from '../common/types.ts';
import { HttpAssembler } from '../http/assembler.ts';
import type { ResumePoint } from '../http/connection.ts';
import { PREFACE } from '../http/h2/frame.ts';
import { writeStanding } from '../http/h2/resume-codec.ts';
import { answers, asks, data, frame } from '../http/h2/testing.ts';
import { HTTP_DEFAULTS } from '../http/options.ts';
import { client, framesOf, Recorder, server, TEST_MASKER } from '../http/testing.ts';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts';

/** `authorization: Bearer sk-made-up` and a long field, both added to the table. */
const INDEXED = Buffer.concat([
  Buffer.from('835711', 'hex'),
  Buffer.from('Bearer sk-made-up'),
  Buffer.from('4001787fe10c', 'hex'),
  Buffer.from('v'.repeat(1760)),
]);

function standing(): ResumePoint {
  const assembler = new HttpAssembler(HTTP_DEFAULTS, new Recorder(), TEST_MASKER);
  const steps = [
    client(Buffer.concat([PREFACE, frame(4, 0, 0), frame(1, 5, 1, INDEXED)])),
    server(Buffer.concat([frame(4, 0, 0), answers(1), data(1, 'x', true)])),
    client(asks(3)),
  ];
  const frames = framesOf(steps);
  for (const each of frames) assembler.feed(each);
  const resume = assembler.resumePoint(frames[0]!.connection);
  assert.ok(resume?.http2 !== undefined);
  return resume;
}

const idOf = (n: number): ConnectionId => n.toString(16).padStart(32, '0') as ConnectionId;

test('a checkpoint tells of HTTP/2 all that it is told, without a credential', () => {
  const resume = standing();
  assert.equal(resume.http2?.resume.client.table.fields.length, 2);
  const entries = new Map([
    [idOf(1), resume],
    [idOf(2), { client: 5, server: 6, state: 'synced' as const }],
  ]);
  const text = encodeCheckpoint(entries);
  const read = decodeCheckpoint(text);
  assert.deepEqual([...(read ?? [])], [...entries]);
  assert.equal(read?.several, false);
  const ofSeveral = decodeCheckpoint(encodeCheckpoint(entries, true));
  assert.deepEqual([...(ofSeveral ?? [])], [...entries]);
  assert.equal(ofSeveral?.several, true);
  assert.equal(JSON.stringify([...(read ?? [])]).includes('sk-made-up'), false);
  assert.throws(() => decodeCheckpoint(`${text.slice(0, -40)}AAAA`), { code: 'BIT_CHECKPOINT_UNREADABLE' });
});

test('tunnels and HTTP/2 are told in one checkpoint, each as itself', () => {
  const http2 = standing();
  const bytes = Buffer.from('where a tunnel stands');
  const tunnel = { client: 7, server: 8, state: 'tunnel' as const, tunnel: { encode: () => bytes } };
  const entries = new Map<ConnectionId, ResumePoint>([
    [idOf(1), tunnel],
    [idOf(2), http2],
    [idOf(3), tunnel],
    [idOf(4), { client: 1, server: 2, state: 'ignored' }],
  ]);
  const read = decodeCheckpoint(encodeCheckpoint(entries))!;
  assert.deepEqual(
    [...read.values()].map(({ state }) => state),
    ['tunnel', 'synced', 'tunnel', 'ignored'],
  );
  assert.deepEqual(read.get(idOf(2)), http2);
  for (const n of [1, 3]) assert.deepEqual(read.get(idOf(n))?.tunnel?.encode(1000), bytes);
});

test('a connection of usual clients takes about a kilobyte, and a fraction of it when many are told', () => {
  const { pcap } = generate({ ...GENERATOR_DEFAULTS, seed: 5, calls: 300, http2: 1, midStream: 0 });
  const assembler = new HttpAssembler(HTTP_DEFAULTS, new Recorder(), TEST_MASKER);
  const told = new Map<ConnectionId, ResumePoint>();
  const capture = new Capture(CAPTURE_DEFAULTS, (each) => {
    assembler.feed(each);
    const resume = each.close === null ? assembler.resumePoint(each.connection) : null;
    if (resume !== null) told.set(each.connection, resume);
  });
  capture.nextSource('generated');
  capture.write(pcap);
  capture.end('eof');
  const standings = [...told.values()].flatMap(({ http2 }) => (http2 === undefined ? [] : [writeStanding(http2, 0)]));
  assert.ok(standings.length > 10);
  assert.ok(standings.join('').length / standings.length < 2000);
  assert.ok(encodeCheckpoint(told).length / standings.length < 500);
});

test('beyond what a checkpoint has room for, connections are told as ones that must be found again', () => {
  const resume = standing();
  const count = 6000;
  const read = decodeCheckpoint(encodeCheckpoint(new Map(Array.from({ length: count }, (_, n) => [idOf(n), resume]))))!;
  const whole = [...read.values()].filter(({ http2 }) => http2 !== undefined).length;
  assert.ok(whole > 2000 && whole < count, `${whole} of ${count}`);
  const { client: at, server: from } = resume;
  assert.deepEqual(read.get(idOf(count - 1)), { client: at, server: from, state: 'unsynced' });
});

test('fields that cannot be packed do not make a checkpoint larger than a record', () => {
  const resume = standing();
  const { http2 } = resume;
  assert.ok(http2 !== undefined);
  const noise = (): ResumePoint => {
    const value = randomBytes(1350).toString('base64');
    const fields = [{ name: 'x-a', value, credential: null, size: 1900 }];
    const table = { ...http2.resume.client.table, fields };
    const client = { ...http2.resume.client, table };
    return { ...resume, http2: { ...http2, resume: { ...http2.resume, client } } };
  };
  const text = encodeCheckpoint(new Map(Array.from({ length: 4000 }, (_, n) => [idOf(n), noise()])));
  assert.ok(text.length < 3 * 1024 * 1024, `${text.length}`);
  const whole = [...decodeCheckpoint(text)!.values()].filter((each) => each.http2 !== undefined).length;
  assert.ok(whole > 500 && whole < 4000, `${whole}`);
});
