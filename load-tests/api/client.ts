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

function fetchOnce(task: Task, agent: Agent, target: string): Promise<{ status: number; bytes: number }> {
  return new Promise((resolve, reject) => {
    const asked = request(`${task.url}${target}`, { agent, headers: { authorization: `Bearer ${task.token}` } });
    asked.on('error', reject);
    asked.on('response', (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes }));
    });
    asked.end();
  });
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
    while (performance.now() < until) {
      const target = task.targets[at++ % task.targets.length]!;
      const start = performance.now();
      const answer = await fetchOnce(task, agent, target);
      times.push(performance.now() - start);
      bytes += answer.bytes;
      if (answer.status !== 200) failures++;
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
