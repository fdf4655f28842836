/** Where a probe's frames go: through all stages of this process into a store, or onto Kafka. */
import type { ProbeReport } from '../../schemas/frame.ts';
import type { FrameTargets } from '../capture/pump.ts';
import type { SinkStats } from '../clickhouse/sink.ts';
import type { Store } from '../clickhouse/store.ts';
import { BitternError } from '../common/errors.ts';
import type { Config } from '../config/schema.ts';
import { FrameMasker, maskingKey } from '../masking/frame-mask.ts';
import type { Observed } from '../observe/observed.ts';
import { busObserved } from '../observe/sources/capture.ts';
import { reassemblerObserved } from '../observe/sources/reassembler.ts';
import { sinkObserved } from '../observe/sources/sink.ts';
import { trackerObserved } from '../observe/sources/tracker.ts';
import { workersObserved } from '../observe/sources/workers.ts';
import { createSink, createTracker, fingerprintKey, fingerprintKeyFile, startPipeline } from './runtime.ts';
import { formatCount } from './terminal/units.ts';

/** After a failure: how long the store has to take what was understood before. */
const FAILED_CLOSE_MS = 2_000;
/** After a signal: how long everything may take that is in hand, before it is given up. */
const STOP_WORK_MS = 6_000;
/** …and how long the brokers have to acknowledge what is left then. */
const STOP_FLUSH_MS = 2_500;

export interface CaptureTarget extends FrameTargets {
  /** Aborted when a stage has failed; the reason is its error. */
  readonly failed: AbortSignal;
  /** A few words about what came out so far. */
  progress(): string;
  /** No more frames come: everything is stored (or durable on Kafka) when it resolves. `capture`: what the reports say in all. */
  finish(capture: Pick<ProbeReport, 'probe' | 'source' | 'from' | 'to'> | null): Promise<void>;
  /** What its parts show of themselves. */
  readonly observed: readonly Observed[];
  /** Of the sink of this process; null when the frames go to Kafka. */
  readonly stored: SinkStats | null;
  /** Gives everything back, whether or not it was finished. */
  close(): Promise<void>;
}

/** @param note is told what an operator should know. @param onFindings findings were written. */
export async function storeTarget(
  config: Config,
  store: Store,
  note: (line: string) => void = () => {},
  onFindings?: () => void,
): Promise<CaptureTarget> {
  const tracker = createTracker(config, store, onFindings);
  const sink = createSink(config, store, () => tracker?.nudge());
  const pipeline = await startPipeline(config, sink, note);
  tracker?.start();
  let finished = false;
  return {
    frames: pipeline.frames,
    reports: pipeline.reports,
    failed: pipeline.failed,
    progress: () => `${formatCount(pipeline.reassembler.counts.calls)} calls`,
    observed: [
      busObserved(pipeline),
      reassemblerObserved(pipeline.reassembler),
      workersObserved(pipeline),
      sinkObserved(sink, store),
      ...(tracker === null ? [] : [trackerObserved(tracker)]),
    ],
    finish: async (capture) => {
      await pipeline.drain(true);
      if (capture !== null) await pipeline.reportLosses(capture);
      await sink.close();
      await tracker?.catchUp();
      finished = true;
    },
    get stored() {
      return sink.stats;
    },
    close: async () => {
      // After a failure the store has a while to take what was understood before; it must not be waited for for ever.
      if (!finished) await sink.close({ timeoutMs: FAILED_CLOSE_MS }).catch(() => {});
      await tracker?.close();
      if (!pipeline.failed.aborted) await pipeline.close();
    },
  };
}

/** Where the key lies that credentials are hidden with, when none is configured: others need it as well. */
function tellOfKey(config: Config, note: (line: string) => void): void {
  if (config.identity.fingerprintKeyFile !== '') return;
  const file = fingerprintKeyFile(config);
  note(
    `Credentials in frames are hidden with the key in '${file}'. Copy it to all probes and reassemblers, and set identity.fingerprintKeyFile there: without it they can't read these frames.`,
  );
}

/**
 * Credentials are hidden before a frame is published.
 *
 * @param note is told what an operator should know.
 * @param signal gives up waiting for a broker.
 */
export async function kafkaTarget(
  config: Config,
  note: (line: string) => void,
  signal?: AbortSignal,
): Promise<CaptureTarget> {
  // Its two clients take longer to load than all the rest.
  const { kafkaTopics, openKafkaBus } = await import('./kafka.ts');
  const { kafkaObserved } = await import('../observe/sources/kafka.ts');
  const key = maskingKey(await fingerprintKey(config));
  tellOfKey(config, note);
  const masker = new FrameMasker(key);
  const topics = await kafkaTopics(config, { writes: ['frames', 'reports'], maskingKey: key, note });
  const bus = await openKafkaBus(config, signal);
  const frames = bus.producer(topics.frames);
  const reports = bus.producer(topics.reports);
  let published = 0;
  return {
    frames: {
      publish: (connection, value) => {
        published++;
        return frames.publish(connection, masker.mask(value));
      },
      flush: () => frames.flush(),
    },
    reports,
    failed: new AbortController().signal,
    progress: () => `${formatCount(published)} frames`,
    finish: async () => {
      await frames.flush();
      await reports.flush();
    },
    observed: [kafkaObserved(bus, { sessionTimeoutMs: config.kafka.sessionTimeoutMs })],
    stored: null,
    close: () => bus.close(STOP_FLUSH_MS),
  };
}

/**
 * Runs `work`, which feeds and finishes the target, and closes the target. A stage that fails ends it at once, whatever `work`
 * waits for. `stop`: from its abort on, `work` has `STOP_WORK_MS` to end.
 */
export async function withTarget<T>(
  target: CaptureTarget,
  work: (target: CaptureTarget) => Promise<T>,
  stop?: AbortSignal,
): Promise<T> {
  const { failed } = target;
  let timer: NodeJS.Timeout | undefined;
  const given = new Promise<never>((_, reject) => {
    failed.addEventListener('abort', () => reject(failed.reason), { once: true });
    const overdue = (): void => {
      timer = setTimeout(() => reject(overdueError()), STOP_WORK_MS);
    };
    if (stop?.aborted) overdue();
    else stop?.addEventListener('abort', overdue, { once: true });
  });
  try {
    failed.throwIfAborted();
    return await Promise.race([work(target), given]);
  } finally {
    await target.close();
    clearTimeout(timer);
  }
}

function overdueError(): BitternError {
  return new BitternError(
    'BIT_STOP_INCOMPLETE',
    `Not everything that was captured could be stored within ${STOP_WORK_MS} ms of the signal: is ClickHouse (or Kafka) down?`,
  );
}
