/**
 * A connection of HTTP/1 from its frames to calls, with losses, cut into segments and frames anywhere. Bodies are handed on by
 * the pieces of a frame, and by single pieces: both must tell the same calls.
 *
 * An input is a byte that tells how many segments a frame has, then segments: kind (1), length (2), so many bytes.
 */
import assert from 'node:assert/strict';
import type { Observation } from '../../../schemas/call.ts';
import { HttpAssembler } from '../../../services/http/assembler.ts';
import type { BodyConsumer, Exchange, ExchangeHandler } from '../../../services/http/exchange.ts';
import { HTTP_DEFAULTS } from '../../../services/http/options.ts';
import { accounted, framesOf, type Step, TEST_MASKER } from '../../../services/http/testing.ts';
import { CallRecognizer } from '../../../services/llm/recognizer.ts';
import { TEST_OPTIONS } from '../../../services/llm/testing.ts';
import type { FuzzTarget } from '../target.ts';

const SEGMENT_HEAD_BYTES = 3;
const SEGMENTS_MAX = 200;
const KIND_SERVER = 1;
/** One in eight segments is lost. */
const KIND_LOST = 14;

function segment(kind: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  const head = Buffer.from([kind, 0, 0]);
  head.writeUInt16BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function stepsOf(input: Buffer): Step[] {
  const steps: Step[] = [];
  const gaps = { client: 0, server: 0 };
  for (let at = 1; at + SEGMENT_HEAD_BYTES <= input.length && steps.length < SEGMENTS_MAX; ) {
    const end = Math.min(input.length, at + SEGMENT_HEAD_BYTES + input.readUInt16BE(at + 1));
    const kind = input[at]!;
    const side = (kind & KIND_SERVER) === 0 ? 'client' : 'server';
    const bytes = input.subarray(at + SEGMENT_HEAD_BYTES, end);
    if ((kind & KIND_LOST) === KIND_LOST) gaps[side] += bytes.length;
    else {
      steps.push({ side, bytes, gap: gaps[side] });
      gaps[side] = 0;
    }
    at = end;
  }
  return steps;
}

const chunked = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const event = (data: object & { type?: string }): string =>
  `${data.type === undefined ? '' : `event: ${data.type}\n`}data: ${JSON.stringify(data)}\n\n`;

function request(path: string, body: object): Buffer[] {
  const text = JSON.stringify(body);
  const head = `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n`;
  const half = text.length >> 1;
  return [segment(0, head + text.slice(0, half)), segment(0, text.slice(half))];
}

function answer(events: readonly string[]): Buffer[] {
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
  return [head, ...events.map(chunked), '0\r\n\r\n'].map((text) => segment(1, text));
}

const WORDS = ['Hello', ' wörld', '', ' "quoted"', ' and', ' 水', ' more', ' text', '.'];
const messages = [{ role: 'user', content: 'Say hello' }];
const delta = (text: string) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } });
const choice = (n: number, content: string) => ({ id: 'c1', n, choices: [{ index: 0, delta: { content } }] });
const ANTHROPIC = [
  { type: 'message_start', message: { id: 'm1', type: 'message', role: 'assistant', model: 'm', content: [] } },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  ...WORDS.map(delta),
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 9 } },
  { type: 'message_stop' },
].map(event);
const OPENAI = [...WORDS.map((word, n) => event(choice(n, word))), 'data: [DONE]\n\n'];

function seeds(): Buffer[] {
  const anthropic = [...request('/v1/messages', { model: 'm', max_tokens: 9, messages }), ...answer(ANTHROPIC)];
  const openai = [...request('/v1/chat/completions', { model: 'm', stream: true, messages }), ...answer(OPENAI)];
  const together = [
    ...request('/v1/messages', { model: 'm', messages }),
    segment(
      1,
      answer(ANTHROPIC)
        .map((each) => each.toString('utf8', 3))
        .join(''),
    ),
  ];
  const both = [...anthropic, ...openai, ...anthropic];
  return [1, 4, 200].flatMap((perFrame) =>
    [anthropic, openai, together, both].map((some) => Buffer.concat([Buffer.of(perFrame), ...some])),
  );
}

/** Hides that the recogniser takes pieces together. */
class OneByOne implements ExchangeHandler {
  readonly #inner: CallRecognizer;
  constructor(inner: CallRecognizer) {
    this.#inner = inner;
  }
  onRequest(exchange: Exchange): BodyConsumer | null {
    return alone(this.#inner.onRequest(exchange));
  }
  onRequestEnd(exchange: Exchange): void {
    this.#inner.onRequestEnd(exchange);
  }
  onResponse(exchange: Exchange): BodyConsumer | null {
    return alone(this.#inner.onResponse(exchange));
  }
  onEnd(exchange: Exchange): void {
    this.#inner.onEnd(exchange);
  }
}

function alone(consumer: BodyConsumer | null): BodyConsumer | null {
  if (consumer === null) return null;
  return { data: (bytes, time) => consumer.data(bytes, time), gap: (missing) => consumer.gap(missing) };
}

function told(input: Buffer, together: boolean): { readonly seen: readonly Observation[]; readonly skipped: number } {
  const frames = framesOf(stepsOf(input), { stepsPerFrame: Math.max(1, input[0] ?? 1), close: 'fin' });
  const seen: Observation[] = [];
  const recognizer = new CallRecognizer(TEST_OPTIONS, (observation) => seen.push(observation));
  const assembler = new HttpAssembler(HTTP_DEFAULTS, together ? recognizer : new OneByOne(recognizer), TEST_MASKER);
  let payload = 0;
  for (const frame of frames) {
    assembler.feed(frame);
    payload += frame.payload.length;
  }
  assembler.end();
  assert.equal(accounted(assembler.stats), payload, 'bytes that are told of');
  assert.deepEqual([assembler.openExchanges, assembler.heldBytes], [0, 0], 'nothing is left');
  return { seen, skipped: assembler.stats.skippedBytes };
}

export const httpConnection: FuzzTarget = {
  name: 'http/connection',
  share: 1,
  tokens: ['\r\n\r\n', 'data: ', '0\r\n\r\n', '\n\n', 'HTTP/1.1 200 OK\r\n', '"}}', '\\n'].map((text) =>
    Buffer.from(text),
  ),
  seeds,
  run(input) {
    const { seen, skipped } = told(input, true);
    assert.equal(JSON.stringify(seen), JSON.stringify(told(input, false).seen), 'pieces and single pieces');
    let kinds = 0;
    for (const each of seen) if (each.type === 'call') kinds |= 1 << (each.call.outcome.length % 8);
    return (Math.min(seen.length, 7) * 256 + kinds) * 2 + (skipped > 0 ? 1 : 0);
  },
};
