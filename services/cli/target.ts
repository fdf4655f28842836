/** Where a probe's frames go: through all stages of this process into a store, or onto Kafka. */
import type { ProbeReport } from '../../schemas/frame.ts';
import { PROBE_REPORTS } from '../../schemas/topics.ts';
import type { FrameTargets } from '../capture/pump.ts';
import type { SinkStats } from '../clickhouse/sink.ts';
import type { Store } from '../clickhouse/store.ts';
import type { Config } from '../config/schema.ts';
import { FrameMasker, maskingKey } from '../masking/frame-mask.ts';
import { createSink, fingerprintKey, fingerprintKeyFile, startPipeline } from './runtime.ts';
import { formatCount } from './terminal/units.ts';

/** After a failure: how long the store has to take what was understood before. */
const FAILED_CLOSE_MS = 5_000;

export interface CaptureTarget extends FrameTargets {
  /** Aborted when a stage has failed; the reason is its error. */
  readonly failed: AbortSignal;
  /** A few words about what came out so far. */
  progress(): string;
  /** No more frames come: everything is stored (or durable on Kafka) when it resolves. `capture`: what the reports say in all. */
  finish(capture: Pick<ProbeReport, 'probe' | 'source' | 'from' | 'to'> | null): Promise<void>;
  /** Of the sink of this process; null when the frames go to Kafka. */
  readonly stored: SinkStats | null;
  /** Gives everything back, whether or not it was finished. */
  close(): Promise<void>;
}

export async function storeTarget(config: Config, store: Store): Promise<CaptureTarget> {
  const sink = createSink(config, store);
  const pipeline = await startPipeline(config, sink);
  let finished = false;
  return {
    frames: pipeline.frames,
    reports: pipeline.reports,
    failed: pipeline.failed,
    progress: () => `${formatCount(pipeline.reassembler.counts.calls)} calls`,
    finish: async (capture) => {
      await pipeline.drain(true);
      if (capture !== null) await pipeline.reportLosses(capture);
      await sink.close();
      finished = true;
    },
    get stored() {
      return sink.stats;
    },
    close: async () => {
      // After a failure the store has a while to take what was understood before; it must not be waited for for ever.
      if (!finished) await sink.close({ timeoutMs: FAILED_CLOSE_MS }).catch(() => {});
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

/** `note`: is told what an operator should know. Credentials are hidden before a frame is published. */
export async function kafkaTarget(config: Config, note: (line: string) => void): Promise<CaptureTarget> {
  // Its two clients take longer to load than all the rest.
  const { kafkaTopics, openKafkaBus } = await import('./kafka.ts');
  const key = maskingKey(await fingerprintKey(config));
  tellOfKey(config, note);
  const masker = new FrameMasker(key);
  const topics = kafkaTopics(config, key);
  const bus = await openKafkaBus(config);
  const frames = bus.producer(topics.frames);
  const reports = bus.producer(PROBE_REPORTS);
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
    stored: null,
    close: () => bus.close(),
  };
}

/** Runs `work`, which feeds and finishes the target, and closes the target. A stage that fails ends it at once, whatever `work` waits for. */
export async function withTarget<T>(target: CaptureTarget, work: (target: CaptureTarget) => Promise<T>): Promise<T> {
  const { failed } = target;
  const failure = new Promise<never>((_, reject) => {
    failed.addEventListener('abort', () => reject(failed.reason), { once: true });
  });
  try {
    failed.throwIfAborted();
    return await Promise.race([work(target), failure]);
  } finally {
    await target.close();
  }
}
