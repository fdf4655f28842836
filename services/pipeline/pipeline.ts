/**
 * All stages in one process, over the in-process bus:
 *
 *   frames ──► reassembler ──► observations ──► ClickHouse sink
 *   probe reports ────────────────────────────► ClickHouse sink
 *
 * The reassembler, which most of the work is, runs in this thread or spread over workers (threads/); all else runs in this one.
 * A store that is down holds back the sink, the sink the reassembler, and that the source: memory stays bounded.
 */
import type { Observation } from '../../schemas/call.ts';
import type { Frame, ProbeReport } from '../../schemas/frame.ts';
import { FRAMES, OBSERVATIONS, PROBE_REPORTS } from '../../schemas/topics.ts';
import type { Consumer, ConsumerHandlers, Producer } from '../bus/bus.ts';
import { MemoryBus, type MemoryBusOptions } from '../bus/memory-bus.ts';
import type { LossReport } from '../clickhouse/sink.ts';
import type { PrivacyPlan } from '../privacy/settings.ts';
import type { Reassembler, ReassemblerOptions } from '../reassembler/reassembler.ts';
import type { StageFigures } from './threads/messages.ts';
import { ReassemblerThreads, type ThreadOptions, type WorkerFigures } from './threads/reassembler-threads.ts';

/** Where observations and reports end up. `add` resolves when there is room for more, `flush` when all is stored. */
export interface PipelineSink {
  add(observations: readonly Observation[]): Promise<void>;
  addReport(report: ProbeReport): Promise<void>;
  addLosses(report: LossReport): Promise<void>;
  flush(): Promise<void>;
}

/** Bytes that reached HTTP and were not read as such. */
function lossesOf({ skippedBytes, opaqueBytes }: Reassembler['totals']): LossReport['losses'] {
  return [
    { reason: 'unsynced', packets: 0, bytes: skippedBytes },
    { reason: 'other_protocol', packets: 0, bytes: opaqueBytes },
  ];
}

export interface PipelineOptions {
  readonly bus: MemoryBusOptions;
  readonly reassembler: ReassemblerOptions;
  /** What is kept of texts; absent: all, as they are. */
  readonly privacy?: PrivacyPlan;
  /** Threads that the reassembler is spread over; 0 or absent: it runs in this one. */
  readonly workers?: number;
}

type Stage = Reassembler | ReassemblerThreads;

/** Loaded when it is wanted: with workers this thread has no need of what understands HTTP and calls. */
async function stageHere(
  { reassembler, privacy, key }: Omit<ThreadOptions, 'workers'>,
  observations: Producer<Observation>,
  note: (line: string) => void,
): Promise<Reassembler> {
  const { createCredentialMasker } = await import('../http/credentials.ts');
  const { Reassembler } = await import('../reassembler/reassembler.ts');
  const { withPrivacy } = await import('../reassembler/privacy.ts');
  const options = privacy === null ? reassembler : withPrivacy(reassembler, privacy, key);
  return new Reassembler(options, createCredentialMasker(key), observations, note);
}

export class Pipeline {
  readonly frames: Producer<Frame>;
  readonly reports: Producer<ProbeReport>;
  readonly #bus: MemoryBus;
  readonly #sink: PipelineSink;
  readonly #stage: Stage;
  readonly #failure: AbortController;

  private constructor(bus: MemoryBus, sink: PipelineSink, stage: Stage, failure: AbortController) {
    this.#bus = bus;
    this.#sink = sink;
    this.#stage = stage;
    this.#failure = failure;
    this.frames = bus.producer(FRAMES);
    this.reports = bus.producer(PROBE_REPORTS);
  }

  /** `key`: of the fingerprints of credentials. `note`: is told what an operator should know, a sentence a line. */
  static async start(
    options: PipelineOptions,
    key: Buffer,
    sink: PipelineSink,
    note: (line: string) => void = () => {},
  ): Promise<Pipeline> {
    const { reassembler, privacy = null, workers = 0 } = options;
    const bus = new MemoryBus(workers > 1 ? { ...options.bus, partitions: { [FRAMES.name]: workers } } : options.bus);
    const failure = new AbortController();
    const fail = (error: unknown): void => failure.abort(error);
    const producer = bus.producer(OBSERVATIONS);
    const stage =
      workers > 0
        ? new ReassemblerThreads({ workers, reassembler, privacy, key }, producer, note, fail)
        : await stageHere({ reassembler, privacy, key }, producer, note);
    const pipeline = new Pipeline(bus, sink, stage, failure);
    const observations: ConsumerHandlers<Observation> = {
      batch: (batch) => sink.add(batch.records.map((record) => record.value)),
    };
    const reports: ConsumerHandlers<ProbeReport> = {
      batch: async (batch) => {
        for (const { value } of batch.records) await sink.addReport(value);
      },
    };
    const frames = await bus.consumer(FRAMES, 'reassembler', stage);
    stage.attach(frames);
    pipeline.#watch(frames);
    pipeline.#watch(await bus.consumer(OBSERVATIONS, 'clickhouse', observations));
    pipeline.#watch(await bus.consumer(PROBE_REPORTS, 'clickhouse', reports));
    // Threads keep a process alive: whatever failed, they have nothing to do any more.
    pipeline.failed.addEventListener('abort', () => void stage.close(), { once: true });
    if (stage instanceof ReassemblerThreads) await stage.started();
    return pipeline;
  }

  /** What came out of the reassembler, what is in flight, what was lost. */
  get reassembler(): StageFigures {
    return this.#stage;
  }

  /** Of each worker, since this was last asked for; none when all runs in this thread. */
  takeWorkers(): readonly WorkerFigures[] {
    return this.#stage instanceof ReassemblerThreads ? this.#stage.takeWorkers() : [];
  }

  /** Bytes that wait for a stage, by topic. */
  get queued(): ReadonlyMap<string, number> {
    const { queued } = this.#bus;
    if (!(this.#stage instanceof ReassemblerThreads)) return queued;
    return new Map(queued).set(FRAMES.name, (queued.get(FRAMES.name) ?? 0) + this.#stage.flightBytes);
  }

  /** Aborted when a stage has failed; the reason is its error. A failed stage takes nothing more. */
  get failed(): AbortSignal {
    return this.#failure.signal;
  }

  /** Handles and stores everything that was published. `end`: no more frames come, so what is still open is closed as well. */
  async drain(end: boolean): Promise<void> {
    try {
      await this.#drain(end);
    } finally {
      // What ended the stages, and not what that came to in each of them.
      this.failed.throwIfAborted();
    }
  }

  /** Stores what the stages behind the probe could not use of a capture. After the last `drain`. */
  async reportLosses(capture: Pick<LossReport, 'probe' | 'source' | 'from' | 'to'>): Promise<void> {
    const { probe, source, from, to } = capture;
    const store = async (stage: string, losses: LossReport['losses']): Promise<void> => {
      const some = losses.filter((loss) => loss.bytes > 0);
      if (some.length > 0) await this.#sink.addLosses({ stage, probe, source, from, to, losses: some });
    };
    const { totals } = this.reassembler;
    await store('http', lossesOf(totals));
    await store('llm', [{ reason: 'memory', packets: 0, bytes: totals.droppedBytes }]);
  }

  /** The first failure is kept. */
  #watch(consumer: Consumer): void {
    consumer.done.catch((error: unknown) => this.#failure.abort(error));
  }

  async close(): Promise<void> {
    await this.#stage.close();
    await this.#bus.close();
  }

  async #drain(end: boolean): Promise<void> {
    await this.#bus.drained(FRAMES);
    if (this.#stage instanceof ReassemblerThreads) await this.#stage.drained();
    if (end) await this.#stage.end();
    await this.#bus.drained(OBSERVATIONS);
    await this.#bus.drained(PROBE_REPORTS);
    await this.#sink.flush();
  }
}
