import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AwsEventStreamParser, readHeaders } from './aws-event-stream.ts';
import { awsMessage } from './testing.ts';

const BYTES_MAX = 1 << 20;

/** The vectors that Amazon publishes with its own implementations (aws-c-event-stream, tests/resources). */
const EMPTY_MESSAGE = Buffer.from('000000100000000005c248eb7d98c8ff', 'hex');
const PAYLOAD_ONLY = Buffer.from('0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936', 'hex');
const ONE_HEADER = Buffer.from(
  '0000003d0000002007fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b27666f6f273a27626172277d8d9c08b1',
  'hex',
);

interface Seen {
  readonly headers: Record<string, string>;
  readonly payload: string;
  readonly time: number;
}

function parse(pieces: readonly (Buffer | 'gap')[], bytesMax = BYTES_MAX): { seen: Seen[]; dropped: number } {
  const seen: Seen[] = [];
  const parser = new AwsEventStreamParser((headers, payload, time) => {
    seen.push({ headers: Object.fromEntries(headers), payload: payload.toString(), time });
  }, bytesMax);
  pieces.forEach((piece, n) => {
    if (piece === 'gap') parser.gap();
    else {
      const bytes = Buffer.from(piece);
      parser.data(bytes, n);
      // A body's bytes are only valid during the call.
      bytes.fill(0x23);
    }
  });
  parser.end();
  return { seen, dropped: parser.dropped };
}

test("amazon's own vectors are read", () => {
  const { seen, dropped } = parse([Buffer.concat([EMPTY_MESSAGE, PAYLOAD_ONLY, ONE_HEADER])]);
  assert.deepEqual(
    seen.map(({ headers, payload }) => [headers, payload]),
    [
      [{}, ''],
      [{}, "{'foo':'bar'}"],
      [{ 'content-type': 'application/json' }, "{'foo':'bar'}"],
    ],
  );
  assert.equal(dropped, 0);
});

test('headers of all types are stepped over, text is kept', () => {
  const bytes = Buffer.from([
    ...[1, 0x61, 0],
    ...[1, 0x62, 2, 9],
    ...[1, 0x63, 3, 9, 9],
    ...[1, 0x64, 4, 9, 9, 9, 9],
    ...[1, 0x65, 5, 9, 9, 9, 9, 9, 9, 9, 9],
    ...[1, 0x66, 6, 0, 2, 9, 9],
    ...[1, 0x67, 9, ...Buffer.alloc(16)],
    ...[1, 0x68, 7, 0, 2, 0xc3, 0xa9],
  ]);
  assert.deepEqual([...readHeaders(bytes)!], [['h', 'é']]);
  for (let cut = 1; cut < 5; cut++) assert.equal(readHeaders(bytes.subarray(0, bytes.length - cut)), null);
});

test('messages come out whole wherever the bytes are cut, with the time of their last byte', () => {
  const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 60 }), { minLength: 1, maxLength: 6 });
  const property = fc.property(texts, fc.array(fc.nat(400), { maxLength: 12 }), (payloads, cuts) => {
    const bytes = Buffer.concat(payloads.map((text, n) => awsMessage({ ':event-type': `t${n}` }, text)));
    const places = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort((a, b) => a - b);
    const pieces = places.slice(1).map((to, n) => bytes.subarray(places[n]!, to));
    const { seen, dropped } = parse(pieces);
    assert.deepEqual(
      seen.map(({ payload }) => payload),
      payloads,
    );
    let end = 0;
    seen.forEach(({ time }, n) => {
      end += awsMessage({ ':event-type': `t${n}` }, payloads[n]!).length;
      assert.ok(places[time]! < end && places[time + 1]! >= end);
    });
    assert.equal(dropped, 0);
  });
  fc.assert(property);
});

test('a wrong checksum costs its message and no other', () => {
  const [first, second] = [awsMessage({ a: 'b' }, 'one'), awsMessage({ a: 'b' }, 'two')];
  for (const at of [0, 9, 14, first.length - 6, first.length - 1]) {
    const damaged = Buffer.from(first);
    damaged[at]! ^= 0x40;
    const { seen, dropped } = parse([Buffer.concat([damaged, second])]);
    assert.deepEqual(
      seen.map(({ payload }) => payload),
      ['two'],
      `byte ${at}`,
    );
    assert.equal(dropped, 1, `byte ${at}`);
  }
});

test('behind a gap the next message is found; one that its sender left unfinished is not missed', () => {
  const one = awsMessage({ a: 'b' }, 'one and a half, and a bit more');
  const gone = parse([one.subarray(0, 20), 'gap', Buffer.concat([one.subarray(30), one])]);
  assert.deepEqual([gone.seen.length, gone.dropped], [1, 1]);
  const cut = parse([one, one.subarray(0, 25)]);
  assert.deepEqual([cut.seen.length, cut.dropped], [1, 0]);
});

test('a message over the limit is dropped, the next one is read', () => {
  const { seen, dropped } = parse([Buffer.concat([awsMessage({}, 'x'.repeat(500)), awsMessage({}, 'y')])], 200);
  assert.deepEqual([seen.map(({ payload }) => payload), dropped], [['y'], 1]);
});

test('random bytes never throw, hold no more than a message, and hide no message that follows whole', () => {
  const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.array(noise, { maxLength: 6 }), (pieces) => {
      let seen = 0;
      const parser = new AwsEventStreamParser(() => seen++, 5000);
      for (const piece of pieces) {
        parser.data(piece, 0);
        assert.ok(parser.heldBytes <= 2 * 5000 + 4096);
      }
      parser.gap();
      parser.data(awsMessage({ a: 'b' }, 'after'), 1);
      assert.ok(seen >= 1);
    }),
  );
});
