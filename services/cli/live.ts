/** Live capture through all stages into a store, until it is stopped. */
import { startLiveCapture } from '../../mirror/index.ts';
import { Pump } from '../capture/pump.ts';
import type { SinkStats } from '../clickhouse/sink.ts';
import type { Store } from '../clickhouse/store.ts';
import type { BitternError } from '../common/errors.ts';
import type { Config } from '../config/schema.ts';
import { captureOptions, createSink, startPipeline } from './runtime.ts';

const TICK_MS = 200;
const REPORT_MS = 10_000;

export interface LiveOptions {
  readonly config: Config;
  readonly store: Store;
  readonly signal: AbortSignal;
  /** Called when the capture runs: traffic from then on is seen. */
  onReady?(): void;
  /** Called a few times a second. */
  onProgress?(packetBytes: number, calls: number): void;
}

export interface LiveResult {
  readonly sink: SinkStats;
  readonly droppedPackets: number;
  /** Why the capture tool ended by itself; null when it was stopped. What was captured before is stored in either case. */
  readonly failure: BitternError | null;
}

/** Resolves when the capture has ended and all that it saw is stored. */
export async function captureLive(options: LiveOptions): Promise<LiveResult> {
  const { config, store, signal } = options;
  const sink = createSink(config, store);
  const pipeline = await startPipeline(config, sink);
  const pump = new Pump(captureOptions(config), pipeline);
  const live = startLiveCapture(config.capture);
  const stop = (): void => live.stop();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  void live.ready.then(() => options.onReady?.());
  const turns = new Turns();
  const ticker = setInterval(() => void turns.take(() => pump.tick(Date.now() * 1000)), TICK_MS);
  const reporter = setInterval(() => void turns.take(() => pump.report()), REPORT_MS);
  try {
    pump.nextSource(`live:${config.capture.interface}`);
    let bytes = 0;
    for await (const chunk of live.chunks) {
      bytes += chunk.length;
      await Promise.race([turns.take(() => pump.write(chunk)), pipeline.failed]);
      options.onProgress?.(bytes, pipeline.reassembler.counts.calls);
    }
    const { failure, droppedPackets } = await live.ended;
    clearInterval(ticker);
    clearInterval(reporter);
    await turns.take(() => pump.end('stopped'));
    pump.kernelDrops(droppedPackets);
    const report = await pump.report();
    await pipeline.drain(true);
    await pipeline.reportLosses(report);
    await pipeline.close();
    await sink.close();
    return { sink: sink.stats, droppedPackets, failure };
  } finally {
    clearInterval(ticker);
    clearInterval(reporter);
    signal.removeEventListener('abort', stop);
    live.stop();
  }
}

/** Lets asynchronous steps happen one after the other, in the order asked for. */
class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(step: () => Promise<T>): Promise<T> {
    const next = this.#last.then(step);
    this.#last = next.catch(() => {});
    return next;
  }
}
