import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { asObject, type JsonObject, parseJson } from '../common/json.ts';
import { AnswerReader } from './answer-reader.ts';
import { LLM_DEFAULTS } from './defaults.ts';
import type { Dialect } from './dialects/dialect.ts';
import { DIALECTS } from './dialects/registry.ts';
import { type DeltaPlace, EventTemplates } from './event-template.ts';

const PLACE: DeltaPlace = { path: ['choices', 0, 'delta', 'content'], ignored: ['n', 'pad'] };

function learn(templates: EventTemplates, data: string, place: DeltaPlace): void {
  templates.learn(data, asObject(JSON.parse(data))!, place);
}

const chunk = (content: string, n: number, pad = 'xy') => ({
  id: 'c1',
  choices: [{ index: 0, delta: { content } }],
  n,
  pad,
});

test('an event with the same literals is read without parsing, and gives what JSON.parse gives', () => {
  const templates = new EventTemplates();
  learn(templates, JSON.stringify(chunk('a', 1)), PLACE);
  const read = templates.read(JSON.stringify(chunk(' größer 😀', 12_345, '')));
  assert.deepEqual(read?.choices, chunk(' größer 😀', 0).choices);
});

const UNUSUAL: readonly (readonly [what: string, data: string])[] = [
  ['an escape', '{"d":"a\\nb","n":1}'],
  ['a quote that ends the string early', '{"d":"a","x":"b","n":1}'],
  ['a control character, which is no JSON', '{"d":"a\tb","n":1}'],
  ['a number with a leading zero, which is no JSON', '{"d":"ab","n":01}'],
  ['no number', '{"d":"ab","n":}'],
  ['a negative number', '{"d":"ab","n":-1}'],
  ['something behind the end', '{"d":"ab","n":1}}'],
  ['another member', '{"d":"ab","n":1,"e":2}'],
  ['an end too early', '{"d":"ab'],
  ['another type', '{"d":7,"n":1}'],
];

for (const [what, data] of UNUSUAL) {
  test(`an event with ${what} is left to the parser`, () => {
    const templates = new EventTemplates();
    learn(templates, '{"d":"first","n":1}', { path: ['d'], ignored: ['n'] });
    assert.notEqual(templates.read('{"d":"second","n":2}'), null);
    assert.equal(templates.read(data), null);
  });
}

test('of a member that comes twice the last one counts, as for JSON.parse', () => {
  const templates = new EventTemplates();
  learn(templates, '{"d":"a","d":"b"}', { path: ['d'], ignored: [] });
  assert.deepEqual(templates.read('{"d":"a","d":"c"}'), { d: 'c' });
  assert.equal(templates.read('{"d":"c","d":"b"}'), null);
});

/** JSON text with members in any order, whitespace between tokens and characters written as escapes. */
function written(value: unknown, next: () => number): string {
  const space = ['', '', '', '', '', ' ', '\n '][next() % 7]!;
  if (Array.isArray(value)) return `[${space}${value.map((each) => written(each, next)).join(`,${space}`)}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    if (next() % 9 === 0) entries.reverse();
    return `{${space}${entries.map(([key, each]) => `"${key}":${space}${written(each, next)}`).join(',')}${space}}`;
  }
  const text = JSON.stringify(value);
  return typeof value === 'string' && next() % 9 === 0 ? text.replace(/[a-z]/, escaped) : text;
}

const escaped = (letter: string): string => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;

const piece = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.constantFrom('', '"', '\\', '\n', '\u2028', '\ud83d', '{"a":', '}', '¶', 'word '),
);
const kind = fc.nat({ max: 5 });
const index = fc.nat({ max: 2 });

type Delta = readonly [kind: number, index: number, text: string];

const EVENTS: Readonly<Record<string, (delta: Delta, at: number) => unknown>> = {
  'openai.chat': ([what, at, text]) => {
    const call = { index: at, id: what === 4 ? 'call' : undefined, function: { arguments: text } };
    const delta =
      what > 3
        ? { tool_calls: [call] }
        : { [['content', 'reasoning_content', 'refusal', 'content'][what]!]: text, role: what === 3 ? 'a' : undefined };
    const choices = [{ index: at === 2 ? 1 : 0, delta, finish_reason: null }];
    return { id: 'c', object: 'chat.completion.chunk', created: 7, choices, usage: null, obfuscation: text.slice(1) };
  },
  'openai.responses': ([what, at, text], number) => {
    const name = ['output_text', 'reasoning_summary_text', 'function_call_arguments', 'refusal'][what % 4]!;
    const where = { item_id: 'i', output_index: at, content_index: what > 3 ? 1 : 0 };
    return { type: `response.${name}.delta`, sequence_number: number, ...where, delta: text, logprobs: [] };
  },
  'openai.realtime': ([what, at, text], number) => {
    const name = ['output_text', 'output_audio_transcript', 'function_call_arguments', 'text'][what % 4]!;
    const where = { response_id: 'r', item_id: 'i', output_index: at, content_index: what > 3 ? 1 : 0 };
    return { type: `response.${name}.delta`, event_id: `event_${number}`, ...where, delta: text };
  },
  'anthropic.messages': ([what, at, text]) => {
    const member = ['text', 'thinking', 'partial_json', 'signature'][what % 4]!;
    const type = ['text_delta', 'thinking_delta', 'input_json_delta', 'signature_delta'][what % 4]!;
    return { type: 'content_block_delta', index: at, delta: { type, [member]: text } };
  },
  'gemini.generate_content': ([what, at, text], number) => ({
    candidates: [{ content: { parts: [{ text, thought: what > 3 }], role: 'model' }, index: at === 2 ? 1 : 0 }],
    usageMetadata: { promptTokenCount: 3, candidatesTokenCount: number },
    modelVersion: 'm',
  }),
  'openai.completions': ([what, at, text]) => {
    const choices = [{ index: at === 2 ? 1 : 0, text, logprobs: null, finish_reason: null }];
    return { id: 'c', object: 'text_completion', created: 7, model: 'm', choices, usage: what > 4 ? {} : null };
  },
  'cohere.chat': ([what, at, text]) => {
    const message = what > 3 ? { tool_calls: { function: { arguments: text } } } : { content: { text } };
    return { type: what > 3 ? 'tool-call-delta' : 'content-delta', index: at, delta: { message } };
  },
  'bedrock.converse': ([what, at, text]) => {
    const delta = [{ text }, { toolUse: { input: text } }, { reasoningContent: { text } }][what % 3]!;
    return { contentBlockIndex: at, delta, p: text.slice(1) };
  },
};
const COVERED = DIALECTS.filter(({ name }) => Object.hasOwn(EVENTS, name));
/** Where the type of an event isn't in its data. */
const TYPES: Readonly<Record<string, string>> = { 'bedrock.converse': 'contentBlockDelta' };
const typeOf = (dialect: Dialect): string => TYPES[dialect.name] ?? 'message';

test('every dialect that tells where its frequent events differ is among those that are tested here', () => {
  const telling = DIALECTS.filter(({ deltaPlace }) => deltaPlace.length > 0);
  assert.deepEqual(
    telling.filter((dialect) => !COVERED.includes(dialect)),
    [],
  );
});

/** What the stream says when every event is parsed. */
function parsed(dialect: Dialect, events: readonly string[]) {
  const stream = dialect.openStream();
  const content = events.map((data) => stream.event(typeOf(dialect), data, asObject(parseJson(data))));
  const { message, facts, end } = stream.result();
  return { text: message === null ? '' : JSON.stringify(message), facts, end, pieces: content.filter(Boolean).length };
}

function read(dialect: Dialect, events: readonly string[]) {
  const options = { dialect, status: 200, contentType: 'text/event-stream', contentLength: 0, limits: LLM_DEFAULTS };
  const reader = new AnswerReader(options);
  events.forEach((data, time) => {
    reader.data(Buffer.from(`event: ${typeOf(dialect)}\ndata: ${data.replaceAll('\n', '\ndata:')}\n\n`), time);
  });
  const { text, facts, end, timing } = reader.finish();
  return { text, facts, end, pieces: timing?.count ?? 0 };
}

for (const dialect of COVERED) {
  test(`${dialect.name}: streams read by templates say what they say when every event is parsed`, () => {
    const deltas = fc.array(fc.tuple(kind, index, piece), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(deltas, fc.array(fc.nat(), { minLength: 1, maxLength: 30 }), (some, seed) => {
        let at = 0;
        const next = () => (seed.length < 4 ? 1 : seed[at++ % seed.length]!);
        const toEvent = EVENTS[dialect.name]!;
        const events = some.map((delta, n) =>
          written(JSON.parse(JSON.stringify(toEvent(delta, n))) as JsonObject, next),
        );
        assert.deepEqual(read(dialect, events), parsed(dialect, events));
      }),
      { numRuns: 300 },
    );
  });
}

/** One piece of a body per event, as the bytes are: decoding has to come to the same with and without templates. */
function readPieces(dialect: Dialect, pieces: readonly Buffer[], together: boolean, looks: readonly number[] = []) {
  const limits = { ...LLM_DEFAULTS, responseBytesMax: 4000 };
  const reader = new AnswerReader({ dialect, status: 200, contentType: 'text/event-stream', contentLength: 0, limits });
  if (together) reader.data(Buffer.concat(pieces), 0);
  else {
    for (const [time, bytes] of pieces.entries()) {
      reader.data(bytes, time);
      if (looks.includes(time)) reader.peek();
    }
  }
  const { text, facts, end, cut, timing } = reader.finish();
  return { text, facts, end, cut, count: timing?.count ?? 0 };
}

const BEFORE = [
  'data: ',
  'data: ',
  'data: ',
  'event: message\ndata: ',
  'data:',
  ': hm\n\ndata: ',
  '\n',
  'id: 1\ndata: ',
];
const AFTER = ['\n\n', '\n\n', '\n\n', '\n\n', '\r\n\r\n', '\n', '\n\n\n', ''];
const noise = fc.oneof(
  { weight: 8, arbitrary: piece.map((text) => Buffer.from(JSON.stringify(text).slice(1, -1))) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)) },
);
const event = fc.tuple(kind, index, noise, fc.nat({ max: 11 }), fc.nat({ max: 11 }));

for (const dialect of COVERED) {
  test(`${dialect.name}: a stream that comes event by event says what it says when it comes at once`, () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 40 }), (some) => {
        const pieces = some.map(([what, at, text, before, after], number) => {
          const data = JSON.stringify(EVENTS[dialect.name]!([what, at, 'SLOT'], number));
          const [left, right] = data.split('SLOT') as [string, string];
          const start = BEFORE[before] ?? 'data: ';
          return Buffer.concat([Buffer.from(start + left), text, Buffer.from(right + (AFTER[after] ?? '\n\n'))]);
        });
        assert.deepEqual(readPieces(dialect, pieces, false), readPieces(dialect, pieces, true));
      }),
      { numRuns: 400 },
    );
  });
}

/** Long stretches of events that differ in their text alone, which are told to the stream together. */
const stretch = fc.tuple(kind, index, fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant('word ') }, piece)));

for (const dialect of COVERED) {
  test(`${dialect.name}: long stretches of like events say what they say when every event is parsed`, () => {
    fc.assert(
      fc.property(fc.array(stretch, { maxLength: 6 }), fc.array(fc.nat({ max: 60 })), (stretches, looks) => {
        const deltas = stretches.flatMap(([what, at, texts]) => texts.map((text): Delta => [what, at, text]));
        const events = deltas.map((delta, n) => JSON.stringify(EVENTS[dialect.name]!(delta, n)));
        const pieces = events.map((data) => Buffer.from(`event: ${typeOf(dialect)}\ndata: ${data}\n\n`));
        assert.deepEqual(readPieces(dialect, pieces, false, looks), readPieces(dialect, pieces, true));
        const { cut, count, ...told } = readPieces(dialect, pieces, false, looks);
        if (!cut && events.length > 0) assert.deepEqual({ ...told, pieces: count }, parsed(dialect, events));
      }),
      { numRuns: 200 },
    );
  });
}
