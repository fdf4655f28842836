/**
 * What open sessions take in memory, and what a call costs whose session was packed:
 *
 *     sh scripts/node.sh services/tracker/memory.bench.ts [--sessions 100000] [--calls 10] [--tools 8]
 *
 * Every session has so many calls, and the model asks for so many tools in all of them together (`--tools 80` with 10 calls: eight in
 * each). The sessions are told call by call in turn, so that each has gone cold when it goes on. Prints RSS after a collection, and
 * the cost of the last round's calls beside that of the same calls in a story that stayed live. Times and texts are made as they
 * come from the store: nothing is shared between calls.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { DETECTOR_DEFAULTS } from './detectors/settings.ts';
import type { CallFacts } from './facts.ts';
import { digest } from './ids.ts';
import { TRACKER_DEFAULTS } from './options.ts';
import { SessionStory } from './session.ts';
import { StoryCache } from './story-cache.ts';
import { Thread } from './testing.ts';

const { values } = parseArgs({
  options: { sessions: { type: 'string' }, calls: { type: 'string' }, tools: { type: 'string' } },
});
const SESSIONS = Number(values.sessions ?? 100_000);
const CALLS = Number(values.calls ?? 10);
const TOOLS = Number(values.tools ?? 8);
/** Sessions whose calls are told between two looks at the limit, as the tracker does. */
const TOGETHER = 250;

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
const LOREM = 'Looks at the reeds, counts the birds, and writes down what it saw before the next round begins. '.repeat(
  4,
);

/** The calls of one session, in order. */
function sessionOf(n: number): CallFacts[] {
  const session = `0198c1f2-7a3b-7c4d-8e5f-${String(n).padStart(12, '0')}`;
  const thread = new Thread({ session, agentId: `agent-${n % 20}` }).user(`Task ${n}: ${LOREM}`.slice(0, 300));
  for (let i = 0; i < CALLS - 1; i++) {
    const share = Math.floor(((i + 1) * TOOLS) / (CALLS - 1)) - Math.floor((i * TOOLS) / (CALLS - 1));
    const tools = Array.from({ length: share }, (_, k) => ({
      name: ['Read', 'Grep', 'Bash', 'Edit'][(i + k) % 4]!,
      args: JSON.stringify({
        file_path: `/srv/app/src/module-${n}/file-${i}-${k}.ts`,
        offset: i,
        note: LOREM.slice(0, 80),
      }),
      result: `${n} ${i} ${k} ${LOREM}`.slice(0, 300),
    }));
    thread.asks(tools, { answerPreview: `${i} ${LOREM}`.slice(0, 200) });
  }
  const calls = thread.answers(`Done with ${n}. ${LOREM}`.slice(0, 300)).calls;
  return JSON.parse(JSON.stringify(calls.map(asStored))) as CallFacts[];
}

/** Ids as long as real ones. */
function asStored(call: CallFacts): CallFacts {
  const id = (text: string): string => `toolu_01${Buffer.from(digest(text), 'hex').toString('base64url')}`;
  const asked = call.asked.map((tool) => ({ ...tool, id: id(call.sessionId + tool.id) }));
  return { ...call, asked, results: call.results.map((result) => ({ ...result, id: id(call.sessionId + result.id) })) };
}

const cache = new StoryCache(TRACKER_DEFAULTS.storyBytesMax);

/** As `Stories` does, without a store. */
function storyOf(root: string): SessionStory {
  const live = cache.get(root);
  if (live !== undefined) return live;
  const story = new SessionStory(root, DETECTOR_DEFAULTS);
  const packed = cache.unpack(root);
  for (const call of packed?.calls ?? []) story.add(call);
  if (packed !== null) story.tell();
  return story;
}

function tell(calls: readonly CallFacts[]): void {
  const { sessionId } = calls[0]!;
  const story = storyOf(sessionId);
  for (const call of calls) {
    story.add(call);
    story.tell();
  }
  cache.set(sessionId, story);
}

/** Tells these calls of every session. @returns CPU time of the telling alone, µs a call */
function round(from: number, to: number): number {
  let spent = 0;
  for (let at = 0; at < SESSIONS; at += TOGETHER) {
    const parts = Array.from({ length: Math.min(TOGETHER, SESSIONS - at) }, (_, i) =>
      sessionOf(at + i).slice(from, to),
    );
    const start = process.cpuUsage();
    for (const part of parts) tell(part);
    cache.shrink();
    const { user, system } = process.cpuUsage(start);
    spent += user + system;
  }
  return spent / SESSIONS / (to - from);
}

/** The same last calls in stories that stay live. */
function live(): number {
  const all = Array.from({ length: 2000 }, (_, n) => sessionOf(n));
  const stories = all.map((calls) => {
    const story = new SessionStory(calls[0]!.sessionId, DETECTOR_DEFAULTS);
    for (const call of calls.slice(0, -1)) story.add(call);
    story.tell();
    return story;
  });
  const start = process.cpuUsage();
  for (const [n, story] of stories.entries()) {
    story.add(all[n]!.at(-1)!);
    story.tell();
  }
  const { user, system } = process.cpuUsage(start);
  return (user + system) / stories.length;
}

global.gc?.();
const before = process.memoryUsage().rss;
const first = round(0, CALLS - 1);
const last = round(CALLS - 1, CALLS);
const peak = process.memoryUsage().rss;
for (let i = 0; i < 3; i++) {
  global.gc?.();
  await sleep(200);
}
const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
live();
const warm = live();
console.log(
  `${SESSIONS} sessions of ${CALLS} calls and ${TOOLS} tool calls each, all open; limit ${megabytes(TRACKER_DEFAULTS.storyBytesMax)}`,
);
console.log(`in memory    ${cache.size} sessions (${cache.packed} packed), estimated ${megabytes(cache.bytes)}`);
console.log(
  `RSS          ${megabytes(peak)}, after a collection ${megabytes(rss)}, ${megabytes(rss - before)} more than before; heap ${megabytes(heapUsed)}, packed ${megabytes(arrayBuffers)}`,
);
console.log(
  `a call       ${first.toFixed(0)} µs in a new session; ${last.toFixed(0)} µs in one that was packed; ${warm.toFixed(0)} µs in one that is live`,
);
