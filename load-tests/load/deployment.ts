/** One-process and distributed deployments on one system, and what each of their processes costs. */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FRAMES, OBSERVATIONS } from '../../schemas/topics.ts';
import { cpuSecondsOf } from '../bench/measure.ts';
import type { StageProcess } from '../faults/processes.ts';
import type { System } from '../faults/system.ts';
import { ProbeProcess } from './probe-process.ts';

const WAIT_MS = 300_000;
const POLL_MS = 250;

/** CPU seconds by kind of process. */
export type Cost = Readonly<Record<'probe' | 'reassembler' | 'sink' | 'broker' | 'clickhouse', number>>;

export interface Shape {
  readonly reassemblers: number;
  readonly sinks: number;
  readonly compression: 'none' | 'zstd' | 'gzip';
}

export class Deployment {
  readonly probe: ProbeProcess;
  readonly reassemblers: readonly StageProcess[];
  readonly sinks: readonly StageProcess[];
  readonly #system: System;

  private constructor(system: System, probe: ProbeProcess, reassemblers: StageProcess[], sinks: StageProcess[]) {
    this.#system = system;
    this.probe = probe;
    this.reassemblers = reassemblers;
    this.sinks = sinks;
  }

  static async start(system: System, partitions: number, shape: Shape): Promise<Deployment> {
    const env = { BITTERN_KAFKA_COMPRESSION: shape.compression };
    const many = (count: number, name: string, args: string[]): StageProcess[] =>
      Array.from({ length: count }, (_, n) => system.stage(`${name}-${n + 1}`, args, env));
    const reassemblers = many(shape.reassemblers, 'reassembler', ['reassembler']);
    const sinks = many(shape.sinks, 'sink', ['sink', 'clickhouse']);
    for (const stage of [...reassemblers, ...sinks]) stage.start();
    const probe = new ProbeProcess('kafka', { ...system.settings.env, ...env }, system.folder);
    const deployment = new Deployment(system, probe, reassemblers, sinks);
    await deployment.#assigned(reassemblers, partitions);
    // Sinks read the probe reports' one partition as well.
    await deployment.#assigned(sinks, partitions + 1);
    return deployment;
  }

  async end(): Promise<void> {
    this.probe.end();
    await Promise.all([...this.reassemblers, ...this.sinks].map((stage) => stage.stop()));
  }

  /** CPU seconds so far; the probe tells its own. */
  cost(): Omit<Cost, 'probe'> {
    const sum = (stages: readonly StageProcess[]): number =>
      stages.reduce((total, { pid }) => total + (pid === undefined ? 0 : cpuSecondsOf(pid)), 0);
    return { reassembler: sum(this.reassemblers), sink: sum(this.sinks), ...serverCost(this.#system) };
  }

  /** Every partition has an owner, and every process one at least where there are enough. */
  async #assigned(stages: readonly StageProcess[], partitions: number): Promise<void> {
    const urls = await Promise.all(stages.map(({ health }) => health));
    await until('the partitions are spread', async () => {
      const owned = await Promise.all(
        urls.map(
          async (url) => ((await (await fetch(`${url}/readyz`)).json()) as { partitions?: number }).partitions ?? 0,
        ),
      );
      return owned.reduce((sum, each) => sum + each, 0) === partitions && owned.every((each) => each > 0);
    });
  }
}

export function serverCost({ broker, store }: System): Pick<Cost, 'broker' | 'clickhouse'> {
  const of = (pid: number | null | undefined): number => (pid == null ? 0 : cpuSecondsOf(pid));
  return { broker: of(broker.pid), clickhouse: of(store.enginePid()) };
}

/** Bytes that a topic takes up on the broker's disk. */
export function topicBytes({ broker }: System, topic: string): number {
  const data = path.join(broker.dir, 'data');
  let bytes = 0;
  for (const folder of readdirSync(data)) {
    if (folder.slice(0, folder.lastIndexOf('-')) !== topic) continue;
    for (const file of readdirSync(path.join(data, folder)))
      if (file.endsWith('.log')) bytes += statSync(path.join(data, folder, file)).size;
  }
  return bytes;
}

export const TOPICS = { frames: FRAMES.name, calls: OBSERVATIONS.name } as const;

export async function storedCalls({ store }: System, network: string): Promise<number> {
  const answer = await store.client.query({
    query: 'SELECT count() AS calls FROM calls WHERE network = {network:String}',
    query_params: { network },
    format: 'JSONEachRow',
  });
  const [row] = await answer.json<{ calls: number }>();
  return row?.calls ?? 0;
}

export async function allStored(system: System, network: string, calls: number): Promise<void> {
  await until(`${calls} calls are stored`, async () => (await storedCalls(system, network)) >= calls);
}

export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${WAIT_MS / 1000} s in vain: ${what}`);
    await sleep(POLL_MS);
  }
}
