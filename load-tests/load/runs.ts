/** The kinds of runs, each on a system that is up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { peakRssMbOf, rssMbOf } from '../bench/measure.ts';
import type { System } from '../faults/system.ts';
import {
  allStored,
  type Cost,
  Deployment,
  type Shape,
  serverCost,
  storedCalls,
  TOPICS,
  topicBytes,
} from './deployment.ts';
import { LatencyWatch, quantile } from './latency.ts';
import type { Fed } from './probe.ts';
import { ProbeProcess } from './probe-process.ts';
import type { Traffic } from './traffic.ts';

export interface Run {
  readonly name: string;
  readonly calls: number;
  /** From the first byte until all could be queried. */
  readonly seconds: number;
  readonly cost: Cost;
  /** Of the connections watched. */
  readonly payloadBytes: number;
  /** On the broker's disk. */
  readonly frameBytes: number;
  readonly callBytes: number;
  readonly rssMb: Readonly<Record<string, number>>;
}

let networks = 0;
export const nextNetwork = (): string => `load-${++networks}`;

const NO_COST: Cost = { probe: 0, reassembler: 0, sink: 0, broker: 0, clickhouse: 0 };

function less(after: Partial<Cost>, before: Partial<Cost>): Cost {
  const cost: Record<string, number> = { ...NO_COST };
  for (const [kind, seconds] of Object.entries(after)) cost[kind] = seconds - (before[kind as keyof Cost] ?? 0);
  return cost as Cost;
}

interface Subject {
  readonly feed: (traffic: Traffic, network: string) => Promise<Fed>;
  readonly cost: () => Partial<Cost>;
  readonly pids: () => Readonly<Record<string, number>>;
}

/** As fast as it goes; `warm` goes before, and doesn't count. */
async function measure(
  system: System,
  name: string,
  traffic: Traffic,
  network: string,
  subject: Subject,
): Promise<Run> {
  const bytesOf = (): [number, number] => [topicBytes(system, TOPICS.frames), topicBytes(system, TOPICS.calls)];
  const [frames, calls] = bytesOf();
  const before = subject.cost();
  const began = performance.now();
  const fed = await subject.feed(traffic, network);
  await allStored(system, network, traffic.calls);
  const seconds = (performance.now() - began) / 1000;
  const cost = { ...less(subject.cost(), before), probe: fed.cpuSeconds };
  const rssMb = Object.fromEntries(
    Object.entries(subject.pids()).map(([kind, pid]) => [kind, Math.round(peakRssMbOf(pid))]),
  );
  const [framesAfter, callsAfter] = bytesOf();
  const bytes = { payloadBytes: fed.payloadBytes, frameBytes: framesAfter - frames, callBytes: callsAfter - calls };
  return { name, calls: traffic.calls, seconds, cost, ...bytes, rssMb };
}

export interface Traffics {
  readonly warm: Traffic;
  readonly measured: Traffic;
}

/** The same stages in one process, so no tracker; the same ClickHouse. */
export async function oneProcess(system: System, { warm, measured }: Traffics): Promise<Run> {
  const env = { ...system.settings.env, BITTERN_TRACKER_ENABLED: 'false' };
  const probe = new ProbeProcess('store', env, system.folder);
  const feed = ({ file, calls }: Traffic, network: string): Promise<Fed> =>
    probe.feed({ file, calls, network, callsPerSecond: 0 });
  try {
    await feed(warm, nextNetwork());
    const cost = (): Partial<Cost> => ({ clickhouse: serverCost(system).clickhouse });
    return await measure(system, 'one process', measured, nextNetwork(), { feed, cost, pids: () => ({}) });
  } finally {
    probe.end();
  }
}

export interface DistributedOptions {
  readonly name: string;
  readonly partitions: number;
  readonly shape: Shape;
  /** Traffic that was made for one network only. */
  readonly network?: string;
}

export async function distributed(
  system: System,
  { warm, measured }: Traffics,
  options: DistributedOptions,
): Promise<Run> {
  const { name, partitions, shape, network = nextNetwork() } = options;
  const deployment = await Deployment.start(system, partitions, shape);
  const feed = ({ file, calls }: Traffic, label: string): Promise<Fed> =>
    deployment.probe.feed({ file, calls, network: label, callsPerSecond: 0 });
  try {
    const warming = nextNetwork();
    await feed(warm, warming);
    await allStored(system, warming, warm.calls);
    const pids = (): Record<string, number> => ({
      reassembler: deployment.reassemblers[0]!.pid!,
      sink: deployment.sinks[0]!.pid!,
    });
    return await measure(system, name, measured, network, { feed, cost: () => deployment.cost(), pids });
  } finally {
    await deployment.end();
  }
}

export interface Latency {
  readonly callsPerSecond: number;
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export async function latency(
  system: System,
  { warm, measured }: Traffics,
  callsPerSecond: number,
  options: DistributedOptions,
): Promise<Latency> {
  const deployment = await Deployment.start(system, options.partitions, options.shape);
  try {
    const [warming, network] = [nextNetwork(), nextNetwork()];
    await deployment.probe.feed({ ...warm, network: warming, callsPerSecond: 0 });
    await allStored(system, warming, warm.calls);
    const watch = new LatencyWatch(system.store, network);
    watch.start();
    await deployment.probe.feed({ ...measured, network, callsPerSecond });
    await allStored(system, network, measured.calls);
    await sleep(500);
    const sorted = await watch.stop();
    const [p50Ms, p99Ms] = [Math.round(quantile(sorted, 0.5)), Math.round(quantile(sorted, 0.99))];
    return { callsPerSecond, calls: sorted.length, p50Ms, p99Ms };
  } finally {
    await deployment.end();
  }
}

export interface Steady {
  readonly seconds: number;
  readonly calls: number;
  readonly stored: number;
  /** Resident memory every few seconds, MB. */
  readonly rssMb: Readonly<Record<'reassembler' | 'sink', readonly number[]>>;
  /** Records not committed, at the same times. */
  readonly lag: readonly number[];
  /** How long all took to be stored after the last was sent, s. */
  readonly drainSeconds: number;
}

export interface SteadyOptions extends DistributedOptions {
  readonly callsPerSecond: number;
  readonly seconds: number;
  /** How long ClickHouse is away, from a tenth of the time on, s; 0: never. */
  readonly outageSeconds: number;
  readonly sampleMs: number;
}

/** Traffic at one rate for a while: a soak, or an outage of ClickHouse. The same file over and over, as other calls each time. */
export async function steady(system: System, { warm, measured }: Traffics, options: SteadyOptions): Promise<Steady> {
  const deployment = await Deployment.start(system, options.partitions, options.shape);
  const [reassembler, sink] = [deployment.reassemblers[0]!, deployment.sinks[0]!];
  const samples = { reassembler: [] as number[], sink: [] as number[], lag: [] as number[] };
  let looking = false;
  const sampler = setInterval(() => {
    for (const [kind, { pid }] of Object.entries({ reassembler, sink })) {
      if (pid !== undefined) samples[kind as 'sink'].push(rssMbOf(pid));
    }
    // On a busy machine one look may take longer than the time to the next.
    if (looking) return;
    looking = true;
    system
      .lag()
      .then(
        (lag) => void samples.lag.push(lag),
        () => {},
      )
      .finally(() => {
        looking = false;
      });
  }, options.sampleMs);
  try {
    const warming = nextNetwork();
    await deployment.probe.feed({ ...warm, network: warming, callsPerSecond: 0 });
    await allStored(system, warming, warm.calls);
    const outage = closeGate(system, options);
    const began = performance.now();
    const sent: string[] = [];
    while (performance.now() - began < options.seconds * 1000) {
      sent.push(nextNetwork());
      await deployment.probe.feed({ ...measured, network: sent.at(-1)!, callsPerSecond: options.callsPerSecond });
    }
    await outage;
    const drained = performance.now();
    for (const network of sent) await allStored(system, network, measured.calls);
    const drainSeconds = (performance.now() - drained) / 1000;
    let stored = 0;
    for (const network of sent) stored += await storedCalls(system, network);
    const { lag, ...rssMb } = samples;
    const seconds = (drained - began) / 1000;
    return { seconds, calls: sent.length * measured.calls, stored, rssMb, lag, drainSeconds };
  } finally {
    clearInterval(sampler);
    await deployment.end();
  }
}

async function closeGate(system: System, { seconds, outageSeconds }: SteadyOptions): Promise<void> {
  if (outageSeconds === 0) return;
  await sleep(seconds * 100);
  await system.gate.set('closed');
  await sleep(outageSeconds * 1000);
  await system.gate.set('open');
}
