/**
 * What telling stories costs, and whether a long session costs more at its end:
 *
 *     sh scripts/node.sh services/tracker/tracker.bench.ts
 *
 * `story`: a session of 5,000 calls in one turn, told after every call; `chat`: in 2,500 turns; `subagent`: of a subagent. `recogniser`: its requests with the whole history in each.
 * `engine`: the tracker on the embedded ClickHouse, which is in the same process. What open sessions take in memory: memory.bench.ts.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ClickHouseSink } from '../clickhouse/sink.ts';
import { openStore } from '../clickhouse/store.ts';
import { callObservation } from '../clickhouse/testing.ts';
import { LLM_DEFAULTS } from '../llm/defaults.ts';
import { dialectsOfPath } from '../llm/dialects/registry.ts';
import { RequestCaches, readRequest } from '../llm/request-facts.ts';
import { plainPrivacy } from '../privacy/privacy.ts';
import { DETECTOR_DEFAULTS } from './detectors/settings.ts';
import type { CallFacts, StoredFacts } from './facts.ts';
import { SessionStory } from './session.ts';
import { storedCall, Thread } from './testing.ts';
import { Tracker } from './tracker.ts';

const CALLS = 5000;
const SHARE = 500;

const micros = (ms: number, calls: number): string => `${((ms * 1000) / calls).toFixed(1)} µs a call`;

function sessionOf(calls: number, name: string, startSeconds = 0): StoredFacts[] {
  const thread = new Thread({ session: name }, startSeconds).user(`Work of ${name}`);
  for (let i = 0; i < calls - 1; i++) {
    const args = JSON.stringify({ path: `src/file-${i % 700}.ts`, name });
    thread.asks([{ name: i % 3 === 0 ? 'edit_file' : 'read_file', args, result: `result ${i}` }]);
  }
  return thread.answers('Done').calls;
}

/** Times of the first and of the last calls, ms. */
function ends(times: readonly number[]): { first: number; last: number } {
  const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[list.length >> 1]!;
  return { first: median(times.slice(100, 100 + SHARE)), last: median(times.slice(-SHARE)) };
}

function report(name: string, times: readonly number[]): void {
  const { first, last } = ends(times);
  const ratio = (last / first).toFixed(2);
  console.log(`${name.padEnd(12)} start ${micros(first, 1)}, end ${micros(last, 1)}: ${ratio} times`);
}

function timed(count: number, act: (i: number) => void): number[] {
  return Array.from({ length: count }, (_, i) => {
    const start = performance.now();
    act(i);
    return performance.now() - start;
  });
}

function measureStory(name: string, calls: readonly CallFacts[], before: readonly CallFacts[] = []): void {
  const story = new SessionStory('long', DETECTOR_DEFAULTS);
  for (const call of before) story.add(call);
  const times = timed(CALLS, (i) => {
    story.add(calls[i]!);
    story.tell();
  });
  report(name, times);
}

/** A person speaks before every second call. */
function chat(): CallFacts[] {
  const thread = new Thread({ session: 'long' });
  for (let i = 0; i < CALLS; i += 2) {
    thread
      .user(`Question ${i}`)
      .asks([{ name: 'search', args: `{"q":${i}}`, result: `${i}` }])
      .answers(`Answer ${i}`);
  }
  return thread.calls;
}

/** A subagent that only the text handed over tells. */
function subagent(): readonly [parent: CallFacts[], own: CallFacts[]] {
  const parent = new Thread({ session: 'long', thread: 'parent' })
    .user('Go')
    .asks([{ name: 'Task', task: 'Work of long' }]);
  return [parent.calls, sessionOf(CALLS, 'long', 10)];
}

function measureRecogniser(): void {
  const caches = new RequestCaches(LLM_DEFAULTS, plainPrivacy(true));
  const location = '/v1/messages';
  const dialect = dialectsOfPath(location)[0]!;
  const messages: string[] = [JSON.stringify({ role: 'user', content: 'Work' })];
  const sizes: number[] = [];
  const reads: number[] = [];
  for (let i = 0; i < CALLS; i++) {
    const body = Buffer.from(`{"model":"m","max_tokens":1,"messages":[${messages.join(',')}]}`);
    sizes.push(body.length);
    const start = performance.now();
    const { contents } = readRequest(body, dialect, location, true, '', caches, LLM_DEFAULTS);
    for (const { hash } of contents) caches.emitted.add(hash);
    reads.push(performance.now() - start);
    const use = { type: 'tool_use', id: `toolu_${i}`, name: 'read_file', input: { path: `f${i}` } };
    const result = { type: 'tool_result', tool_use_id: `toolu_${i}`, content: `result ${i}` };
    messages.push(JSON.stringify({ role: 'assistant', content: [use] }));
    messages.push(JSON.stringify({ role: 'user', content: [result] }));
  }
  report('recogniser', reads);
  const perByte = reads.map((ms, i) => (ms * 1e6) / sizes[i]!);
  const { last } = ends(perByte);
  console.log(
    `             a request of ${Math.round(sizes.at(-1)! / 1000)} KB at the end: ${last.toFixed(2)} ns a byte`,
  );
}
async function measureEngine(): Promise<void> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-bench-'));
  const store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 });
  const tracker = new Tracker(store.client);
  const batch = 250;
  const calls = sessionOf(CALLS, 'engine');
  const times: number[] = [];
  for (let at = 0; at < calls.length; at += batch) {
    const sink = new ClickHouseSink(store);
    await sink.add(calls.slice(at, at + batch).map((call) => callObservation(storedCall(call))));
    await sink.close();
    const cpu = process.cpuUsage();
    await tracker.catchUp();
    const { user, system } = process.cpuUsage(cpu);
    times.push((user + system) / 1000 / batch);
  }
  const mean = (list: readonly number[]): number => list.reduce((sum, time) => sum + time, 0) / list.length;
  const [first, last] = [mean(times.slice(1, 6)), mean(times.slice(-5))];
  console.log(
    `engine       CPU, engine included: start ${micros(first, 1)}, end ${micros(last, 1)}: ${(last / first).toFixed(2)} times (batches of ${batch})`,
  );
  await tracker.close();
  await store.close();
  rmSync(dataDir, { recursive: true });
}

measureStory('story', sessionOf(CALLS, 'long'));
measureStory('chat', chat());
const [parent, own] = subagent();
measureStory('subagent', own, parent);
measureRecogniser();
await measureEngine();
