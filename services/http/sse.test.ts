import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SSE_DEFAULTS, type SseLimits, SseParser } from './sse.ts';

type Event = readonly [type: string, data: string];

function parse(pieces: readonly (string | Buffer)[], limits: SseLimits = SSE_DEFAULTS): readonly Event[] {
  const events: Event[] = [];
  const parser = new SseParser((type, data) => events.push([type, data]), limits);
  pieces.forEach((piece, n) => {
    parser.data(Buffer.from(piece as string), n);
  });
  parser.end(pieces.length);
  return events;
}

/** Literal streams and the events that the specification (and our two liberties) make of them. */
const CASES: readonly (readonly [name: string, stream: string, events: readonly Event[]])[] = [
  ['data of several lines is joined', 'data: YHOO\ndata: +2\ndata: 10\n\n', [['message', 'YHOO\n+2\n10']]],
  [
    'comments, ids and an event without data bring nothing',
    ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n',
    [
      ['message', 'first event'],
      ['message', 'second event'],
      ['message', ' third event'],
    ],
  ],
  [
    'empty data lines count, and the unfinished last event is delivered',
    'data\n\ndata\ndata\n\ndata:',
    [
      ['message', ''],
      ['message', '\n'],
      ['message', ''],
    ],
  ],
  [
    'a space after the colon is not part of the data',
    'data:test\n\ndata: test\n\n',
    [
      ['message', 'test'],
      ['message', 'test'],
    ],
  ],
  [
    'the type holds for one event',
    'event: add\ndata: 1\n\ndata: 2\n\n',
    [
      ['add', '1'],
      ['message', '2'],
    ],
  ],
  ['a type without data is forgotten', 'event: add\n\ndata: 2\n\n', [['message', '2']]],
  [
    'CR, LF and CRLF end lines',
    'data: a\r\rdata: b\n\ndata: c\r\n\r\ndata: d\rdata: e\r\n\n',
    [
      ['message', 'a'],
      ['message', 'b'],
      ['message', 'c'],
      ['message', 'd\ne'],
    ],
  ],
  ['a byte order mark is skipped', '\ufeffdata: a\n\n', [['message', 'a']]],
  ['a byte order mark elsewhere is not', 'data: a\n\n\ufeffdata: b\n\n', [['message', 'a']]],
  ['field names are exact', 'datax: 1\nData: 2\n data: 3\ndat: 4\nretry: 10\n\n', []],
  ['the last line without an end is read', 'data: [DONE]', [['message', '[DONE]']]],
];

for (const [name, stream, events] of CASES) {
  test(`SSE: ${name}`, () => {
    assert.deepEqual(parse([stream]), events);
    assert.deepEqual(parse([...Buffer.from(stream)].map((byte) => Buffer.of(byte))), events);
  });
}

/** The specification's algorithm written down naively, on a whole text. */
function reference(text: string): readonly Event[] {
  const events: Event[] = [];
  let type = '';
  let data: string[] = [];
  const dispatch = (): void => {
    if (data.length > 0) events.push([type || 'message', data.join('\n')]);
    type = '';
    data = [];
  };
  for (const line of text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/)) {
    if (line === '') dispatch();
    const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === 'data') data.push(value ?? '');
    if (name === 'event') type = value ?? '';
  }
  dispatch();
  return events;
}

test('SSE: any stream cut anywhere gives what the specification says', () => {
  const word = fc.constantFrom(
    'data',
    'event',
    'id',
    ':',
    ': ',
    ' ',
    '\n',
    '\r',
    '\r\n',
    '\n\n',
    'é',
    '😀',
    '{"a":1}',
    '\ufeff',
    'x',
  );
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 60 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      (words, sizes) => {
        const text = words.join('');
        const bytes = Buffer.from(text);
        const pieces: Buffer[] = [];
        for (let at = 0; at < bytes.length; ) {
          const size = sizes.next().value as number;
          pieces.push(bytes.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(parse(pieces), reference(text));
      },
    ),
    { numRuns: 2000 },
  );
});

test('SSE: an event has the time of the bytes that completed it', () => {
  const times: number[] = [];
  const parser = new SseParser((_type, _data, time) => times.push(time), SSE_DEFAULTS);
  parser.data(Buffer.from('data: a\n'), 10);
  parser.data(Buffer.from('\ndata: b\n\n'), 20);
  parser.data(Buffer.from('data: c'), 30);
  parser.end(40);
  assert.deepEqual(times, [20, 20, 40]);
});

test('SSE: a line over the limit drops its event, is counted, and is not held', () => {
  const events: Event[] = [];
  const parser = new SseParser((type, data) => events.push([type, data]), { ...SSE_DEFAULTS, lineBytesMax: 100 });
  for (let n = 0; n < 1000; n++) parser.data(Buffer.from('data: xxxxxxxxxxxxxxxxxxxxxxxx'), n);
  assert.ok(parser.heldBytes < 8192);
  parser.data(Buffer.from(`\n\ndata: ${'y'.repeat(101)}\n\ndata: ok\n\n`), 1000);
  assert.deepEqual(events, [['message', 'ok']]);
  assert.equal(parser.droppedEvents, 2);
});

test('SSE: an event of many lines is bounded too', () => {
  const events: Event[] = [];
  const parser = new SseParser((type, data) => events.push([type, data]), { ...SSE_DEFAULTS, eventCharactersMax: 50 });
  for (let n = 0; n < 20; n++) parser.data(Buffer.from('data: xxxxxxxxxx\n'), n);
  parser.data(Buffer.from('\ndata: ok\n\n'), 30);
  assert.deepEqual(events, [['message', 'ok']]);
  assert.equal(parser.droppedEvents, 1);
});

test('SSE: a gap drops the event it is in and no other', () => {
  const events: Event[] = [];
  const parser = new SseParser((type, data) => events.push([type, data]), SSE_DEFAULTS);
  parser.data(Buffer.from('data: a\n\ndata: {"b":'), 1);
  parser.gap();
  parser.data(Buffer.from('tail"}\n\ndata: c\n\n'), 2);
  parser.end(3);
  assert.deepEqual(events, [
    ['message', 'a'],
    ['message', 'c'],
  ]);
  assert.equal(parser.droppedEvents, 1);
});
