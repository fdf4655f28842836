/**
 * What one session costs that grows to 500 KB a request in 1,000 calls: at its 10th, 100th and 1,000th call, with JSON.parse of
 * the same bodies beside it. Each call is taken in as it comes from HTTP: the body in pieces of a packet's size, read, its new
 * contents emitted.
 *
 *     node services/llm/growth.bench.ts
 *
 * Rounds of both take turns, so that the machine's mood hits both; the median of the rounds counts, in CPU time.
 */
import { LLM_DEFAULTS } from './defaults.ts';
import { dialectsOfPath } from './dialects/registry.ts';
import { BodyBuffers, RequestBody } from './request-body.ts';
import { RequestCaches, readRequest } from './request-facts.ts';

const CALLS = 1000;
const PATH = '/v1/messages';
const ROUNDS = 9;
const SEGMENT_BYTES = 1448;
/** Calls around each of these are measured. */
const PLACES = [10, 100, 300, 1000] as const;
const WINDOW = 10;
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

function recogniser(): (body: Buffer) => void {
  const dialect = dialectsOfPath(PATH)[0]!;
  const caches = new RequestCaches(LLM_DEFAULTS);
  const buffers = new BodyBuffers();
  return (body) => {
    const taken = new RequestBody(buffers, LLM_DEFAULTS.requestBytesMax, body.length);
    for (let at = 0; at < body.length; at += SEGMENT_BYTES) taken.data(body.subarray(at, at + SEGMENT_BYTES));
    const { contents } = readRequest(taken.bytes, dialect, PATH, true, '', caches, LLM_DEFAULTS);
    for (const { hash } of contents) caches.emitted.add(hash);
    taken.release();
  };
}

const bodies = conversation();
const parse: number[][] = [];
const facts: number[][] = [];
for (let n = 0; n <= ROUNDS; n++) {
  const parsed = round(bodies, (body) => JSON.parse(body.toString('utf8')));
  const read = round(bodies, recogniser());
  if (n === 0) continue;
  parse.push(parsed);
  facts.push(read);
}
console.log('call      bytes  JSON.parse µs  all facts µs  of a parse');
for (const [at, place] of PLACES.entries()) {
  const parsed = median(parse.map((some) => some[at]!));
  const read = median(facts.map((some) => some[at]!));
  const cells = [String(place).padEnd(6), String(bodies[place - 1]!.length).padStart(9)];
  cells.push(parsed.toFixed(0).padStart(15), read.toFixed(0).padStart(14), (read / parsed).toFixed(2).padStart(12));
  console.log(cells.join(''));
}
