/**
 * Child process of the bench: asks for `targets` in turn by `connections` connections for `seconds`, and tells by IPC how long each
 * answer took, from the request's first byte to the answer's last one.
 */
import { Agent, request } from 'node:http';

export interface Task {
  readonly url: string;
  readonly token: string;
  readonly targets: readonly string[];
  readonly connections: number;
  readonly seconds: number;
  /** Ask for each target once before the time begins. */
  readonly warm: boolean;
  /** Pages that each target is followed for by their `next`, one after another. */
  readonly pages: number;
}

export interface Outcome {
  readonly requests: number;
  readonly failures: number;
  readonly bytes: number;
  readonly seconds: number;
  /** ms, sorted. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const NEXT_BYTES = 200;

interface Fetched {
  readonly status: number;
  readonly bytes: number;
  /** The end of the answer, where its `next` is. */
  readonly end: string;
}

function fetchOnce(task: Task, agent: Agent, target: string): Promise<Fetched> {
  return new Promise((resolve, reject) => {
    const asked = request(`${task.url}${target}`, { agent, headers: { authorization: `Bearer ${task.token}` } });
    asked.on('error', reject);
    asked.on('response', (response) => {
      let bytes = 0;
      let last: Buffer = Buffer.alloc(0);
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        last =
          chunk.length >= NEXT_BYTES ? chunk.subarray(-NEXT_BYTES) : Buffer.concat([last, chunk]).subarray(-NEXT_BYTES);
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes, end: last.toString() }));
    });
    asked.end();
  });
}

/** The page after this one; undefined after the last one. */
function onward(target: string, end: string): string | undefined {
  const next = /"next":"([^"]+)"\}$/.exec(end)?.[1];
  if (next === undefined) return undefined;
  const at = target.indexOf('cursor=');
  if (at !== -1) return target.slice(0, at) + `cursor=${next}`;
  return `${target}${target.includes('?') ? '&' : '?'}cursor=${next}`;
}

async function run(task: Task): Promise<Outcome> {
  const agent = new Agent({ keepAlive: true, maxSockets: task.connections });
  if (task.warm) {
    const waiting = [...task.targets];
    const warmUp = async (): Promise<void> => {
      for (let target = waiting.pop(); target !== undefined; target = waiting.pop())
        await fetchOnce(task, agent, target);
    };
    await Promise.all([warmUp(), warmUp(), warmUp()]);
  }
  const times: number[] = [];
  let [failures, bytes, at] = [0, 0, 0];
  const began = performance.now();
  const until = began + task.seconds * 1000;
  const one = async (): Promise<void> => {
    let target: string | undefined;
    for (let page = 0; performance.now() < until; page++) {
      if (page % task.pages === 0) target = undefined;
      target ??= task.targets[at++ % task.targets.length]!;
      const start = performance.now();
      const answer = await fetchOnce(task, agent, target);
      times.push(performance.now() - start);
      bytes += answer.bytes;
      if (answer.status !== 200) failures++;
      target = onward(target, answer.end);
    }
  };
  await Promise.all(Array.from({ length: task.connections }, one));
  agent.destroy();
  times.sort((a, b) => a - b);
  const rank = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return {
    requests: times.length,
    failures,
    bytes,
    seconds: (performance.now() - began) / 1000,
    p50: rank(0.5),
    p99: rank(0.99),
    max: rank(1),
  };
}

process.once('message', async (task: Task) => {
  process.send?.(await run(task));
  process.disconnect?.();
});
