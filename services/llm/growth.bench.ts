/**
 * What one session costs that grows to 500 KB a request in 1,000 calls: at its 10th, 100th, 300th and 1,000th call, with JSON.parse of
 * the same bodies beside it. The recogniser is given each call as HTTP gives it: the body in pieces of a packet's size, as many
 * together as a frame holds, the answer in 80 events, all of one frame.
 *
 *     node services/llm/growth.bench.ts
 *
 * Rounds of all three take turns, so that the machine's mood hits them alike; the median of the rounds counts, in CPU time.
 */

import { CAPTURE_DEFAULTS } from '../../mirror/index.ts';
import { BodyPieces, takesPieces } from '../http/body-pieces.ts';
import type { BodyConsumer } from '../http/exchange.ts';
import { plainPrivacy } from '../privacy/privacy.ts';
import { LLM_DEFAULTS } from './defaults.ts';
import { dialectsOfPath } from './dialects/registry.ts';
import { CallRecognizer } from './recognizer.ts';
import { BodyBuffers, RequestBody } from './request-body.ts';
import { RequestCaches, readRequest } from './request-facts.ts';
import { EVENT_STREAM, newExchange, START, sse, TEST_OPTIONS } from './testing.ts';

const CALLS = 1000;
const PATH = '/v1/messages';
const ROUNDS = 9;
const EVENTS = 74;
const SEGMENT_BYTES = 1448;
const FRAME_BYTES = CAPTURE_DEFAULTS.frameBytesMax;
/** These, and those just before each, are measured. */
const PLACES = [10, 100, 300, 1000] as const;
const WINDOW = 4;
const WORDS = 'reed heron marsh water night call bird watch still deep slow wide light grass stream fish'.split(' ');

function prose(seed: number, bytes: number): string {
  let state = (seed * 2654435761) >>> 0 || 1;
  let text = '';
  while (text.length < bytes) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    text += `${WORDS[state >>> 28]}${state % 11 === 0 ? `, "${state % 10_000}".\n` : ' '}`;
  }
  return text.slice(0, bytes);
}

function turn(n: number): readonly object[] {
  const id = `toolu_${n}`;
  const use = { type: 'tool_use', id, name: `tool${n % 15}`, input: { path: prose(n, 40) } };
  const result = { type: 'tool_result', tool_use_id: id, content: [{ type: 'text', text: prose(n, 150) }] };
  return [
    { role: 'assistant', content: [{ type: 'text', text: prose(n, 40) }, use] },
    { role: 'user', content: n % 20 === 0 ? prose(n, 150) : [result] },
  ];
}

function conversation(): Buffer[] {
  const schema = { type: 'object', properties: { path: { type: 'string', description: prose(1, 60) } } };
  const tools = Array.from({ length: 15 }, (_, i) => ({
    name: `tool${i}`,
    description: prose(i, 600),
    input_schema: schema,
  }));
  const system = [{ type: 'text', text: prose(7, 4000) }];
  const messages: object[] = [{ role: 'user', content: prose(8, 1500) }];
  return Array.from({ length: CALLS }, (_, n) => {
    const body = JSON.stringify({ model: 'm', messages, system, tools, max_tokens: 32_000, stream: true });
    messages.push(...turn(n));
    return Buffer.from(body);
  });
}

function cpuMicros(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const used = process.cpuUsage(before);
  return used.user + used.system;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** µs a call at each place: what comes before isn't counted. */
function round(bodies: readonly Buffer[], each: (body: Buffer) => void): number[] {
  let at = 0;
  return PLACES.map((place) => {
    while (at < place - WINDOW) each(bodies[at++]!);
    return (
      cpuMicros(() => {
        while (at < place) each(bodies[at++]!);
      }) / WINDOW
    );
  });
}

const handed = new BodyPieces();

function pieces(body: Buffer, consumer: BodyConsumer | null): void {
  if (!takesPieces(consumer)) throw new Error('the recogniser takes pieces together');
  for (let from = 0; from < body.length; from += FRAME_BYTES) {
    const frame = body.subarray(from, from + FRAME_BYTES);
    for (let at = 0; at < frame.length; at += SEGMENT_BYTES)
      handed.add(consumer, frame, at, Math.min(frame.length, at + SEGMENT_BYTES), START);
    handed.flush();
  }
}

function requestReader(): (body: Buffer) => void {
  const dialect = dialectsOfPath(PATH)[0]!;
  const caches = new RequestCaches(LLM_DEFAULTS, plainPrivacy(true));
  const buffers = new BodyBuffers();
  return (body) => {
    const taken = new RequestBody(buffers, LLM_DEFAULTS.requestBytesMax, body.length);
    pieces(body, { data: (bytes) => taken.data(bytes), gap: () => {}, pieces: (some) => taken.pieces(some) });
    const { contents } = readRequest(taken.bytes, dialect, PATH, true, '', caches, LLM_DEFAULTS);
    for (const { hash } of contents) caches.emitted.add(hash);
    taken.release();
  };
}

function answer(): readonly Buffer[] {
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-x', content: [], usage: {} };
  const block = { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } };
  const delta = (n: number) => ({
    type: 'content_block_delta',
    index: 0,
    delta: { type: 'text_delta', text: `${WORDS[n % WORDS.length]} ` },
  });
  const end = { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 160 } };
  const texts = Array.from({ length: EVENTS }, (_, n) => ['content_block_delta', delta(n)] as const);
  const events = [
    ['message_start', { type: 'message_start', message }] as const,
    ['content_block_start', block] as const,
    ...texts,
    ['content_block_stop', { type: 'content_block_stop', index: 0 }] as const,
    ['message_delta', end] as const,
    ['message_stop', { type: 'message_stop' }] as const,
  ];
  return sse(events).flatMap((piece) => ('gap' in piece ? [] : [Buffer.from(piece[1])]));
}

function callReader(events: readonly Buffer[]): (body: Buffer) => void {
  const frame = Buffer.concat(events);
  const recognizer = new CallRecognizer(TEST_OPTIONS, () => {});
  return (body) => {
    const exchange = newExchange({ path: PATH });
    exchange.request.start = exchange.request.end = START;
    const request = recognizer.onRequest(exchange);
    pieces(body, request);
    exchange.request.state = 'complete';
    recognizer.onRequestEnd(exchange);
    exchange.responseHead = {
      status: 200,
      version: '1.1',
      partial: false,
      headers: new Map(Object.entries(EVENT_STREAM)),
    };
    exchange.response.start = exchange.response.end = START + 1000;
    const response = recognizer.onResponse(exchange);
    let at = 0;
    for (const [n, { length }] of events.entries()) {
      if (takesPieces(response)) handed.add(response, frame, at, at + length, START + 1000 * n);
      at += length;
    }
    handed.flush();
    exchange.response.state = exchange.end = 'complete';
    recognizer.onEnd(exchange);
  };
}

const bodies = conversation();
const events = answer();
const parse: number[][] = [];
const requests: number[][] = [];
const calls: number[][] = [];
for (let n = 0; n <= ROUNDS; n++) {
  const parsed = round(bodies, (body) => JSON.parse(body.toString('utf8')));
  const read = round(bodies, requestReader());
  const told = round(bodies, callReader(events));
  if (n === 0) continue;
  parse.push(parsed);
  requests.push(read);
  calls.push(told);
}
console.log('call      bytes  JSON.parse µs  request µs  of a parse  whole call µs  of a parse');
for (const [at, place] of PLACES.entries()) {
  const [parsed, read, told] = [parse, requests, calls].map((all) => median(all.map((some) => some[at]!)));
  const cells = [
    String(place).padEnd(6),
    String(bodies[place - 1]!.length).padStart(9),
    parsed!.toFixed(0).padStart(15),
  ];
  cells.push(read!.toFixed(0).padStart(12), (read! / parsed!).toFixed(2).padStart(12));
  cells.push(told!.toFixed(0).padStart(15), (told! / parsed!).toFixed(2).padStart(12));
  console.log(cells.join(''));
}
