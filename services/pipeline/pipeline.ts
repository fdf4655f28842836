/**
 * All stages in one process, over the in-process bus:
 *
 *   frames ──► reassembler ──► observations ──► ClickHouse sink
 *   probe reports ────────────────────────────► ClickHouse sink
 *
 * A store that is down holds back the sink, the sink the reassembler, and that the source: memory stays bounded.
 */
import type { Observation } from '../../schemas/call.ts';
import type { Frame, ProbeReport } from '../../schemas/frame.ts';
import { FRAMES, OBSERVATIONS, PROBE_REPORTS } from '../../schemas/topics.ts';
import type { Consumer, ConsumerHandlers, Producer } from '../bus/bus.ts';
import { MemoryBus, type MemoryBusOptions } from '../bus/memory-bus.ts';
import type { LossReport } from '../clickhouse/sink.ts';
import type { CredentialMasker } from '../http/credentials.ts';
import { Reassembler, type ReassemblerOptions } from '../reassembler/reassembler.ts';

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
}

export class Pipeline {
  readonly frames: Producer<Frame>;
  readonly reports: Producer<ProbeReport>;
  readonly reassembler: Reassembler;
  readonly #bus: MemoryBus;
  readonly #sink: PipelineSink;
  readonly #failure = new AbortController();

  private constructor(options: PipelineOptions, masker: CredentialMasker, sink: PipelineSink) {
    this.#bus = new MemoryBus(options.bus);
    this.#sink = sink;
    this.frames = this.#bus.producer(FRAMES);
    this.reports = this.#bus.producer(PROBE_REPORTS);
    this.reassembler = new Reassembler(options.reassembler, masker, this.#bus.producer(OBSERVATIONS));
  }

  static async start(options: PipelineOptions, masker: CredentialMasker, sink: PipelineSink): Promise<Pipeline> {
    const pipeline = new Pipeline(options, masker, sink);
    const bus = pipeline.#bus;
    const observations: ConsumerHandlers<Observation> = {
      batch: (batch) => sink.add(batch.records.map((record) => record.value)),
    };
    const reports: ConsumerHandlers<ProbeReport> = {
      batch: async (batch) => {
        for (const { value } of batch.records) await sink.addReport(value);
      },
    };
    const frames = await bus.consumer(FRAMES, 'reassembler', pipeline.reassembler);
    pipeline.reassembler.attach(frames);
    pipeline.#watch(frames);
    pipeline.#watch(await bus.consumer(OBSERVATIONS, 'clickhouse', observations));
    pipeline.#watch(await bus.consumer(PROBE_REPORTS, 'clickhouse', reports));
    return pipeline;
  }

  /** Bytes that wait for a stage, by topic. */
  get queued(): ReadonlyMap<string, number> {
    return this.#bus.queued;
  }

  /** Aborted when a stage has failed; the reason is its error. A failed stage takes nothing more. */
  get failed(): AbortSignal {
    return this.#failure.signal;
  }

  /** Handles and stores everything that was published. `end`: no more frames come, so what is still open is closed as well. */
  async drain(end: boolean): Promise<void> {
    await this.#drain(end);
    this.failed.throwIfAborted();
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
    this.reassembler.close();
    await this.#bus.close();
  }

  async #drain(end: boolean): Promise<void> {
    await this.#bus.drained(FRAMES);
    if (end) await this.reassembler.end();
    await this.#bus.drained(OBSERVATIONS);
    await this.#bus.drained(PROBE_REPORTS);
    await this.#sink.flush();
  }
}
