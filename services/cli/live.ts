/** Live capture until it is stopped, into a store or onto Kafka. */
import { type LiveEnd, startLiveCapture } from '../../mirror/index.ts';
import { Pump } from '../capture/pump.ts';
import type { SinkStats } from '../clickhouse/sink.ts';
import type { BitternError } from '../common/errors.ts';
import type { Config } from '../config/schema.ts';
import { captureObserved } from '../observe/sources/capture.ts';
import type { Observing } from './observe.ts';
import { captureOptions } from './runtime.ts';
import { type CaptureTarget, withTarget } from './target.ts';

const TICK_MS = 200;
const REPORT_MS = 10_000;

export interface LiveOptions {
  readonly config: Config;
  /** Closed at the end. */
  readonly target: CaptureTarget;
  readonly signal: AbortSignal;
  /** What the parts of this process show is added to it. */
  readonly observing: Pick<Observing, 'add'>;
  /** Called when the capture runs: traffic from then on is seen. */
  onReady?(): void;
  /** Called a few times a second. */
  onProgress?(packetBytes: number, detail: string): void;
}

export interface LiveResult {
  /** Null when the frames went to Kafka. */
  readonly sink: SinkStats | null;
  readonly droppedPackets: number;
  /** Why the capture tool ended by itself; null when it was stopped. What was captured before is stored in either case. */
  readonly failure: BitternError | null;
}

/**
 * Resolves when the capture has ended and all that it saw is stored (or is durable on Kafka).
 * @throws the failure of a stage, as soon as there is one
 */
export function captureLive(options: LiveOptions): Promise<LiveResult> {
  return withTarget(
    options.target,
    async (target) => {
      const pump = new Pump(captureOptions(options.config), target);
      options.observing.add(captureObserved(pump), ...target.observed);
      pump.nextSource(`live:${options.config.capture.interface}`);
      const { failure, droppedPackets } = await capture(options, pump);
      await pump.end('stopped');
      pump.kernelDrops(droppedPackets);
      await target.finish(await pump.report());
      return { sink: target.stored, droppedPackets, failure };
    },
    options.signal,
  );
}

/** Resolves when the capture tool has ended: stopped by the signal or by a failed stage, or by itself. */
async function capture(options: LiveOptions, pump: Pump): Promise<LiveEnd> {
  const live = startLiveCapture(options.config.capture);
  const ending = AbortSignal.any([options.signal, options.target.failed]);
  const stop = (): void => live.stop();
  ending.addEventListener('abort', stop, { once: true });
  if (ending.aborted) stop();
  void live.ready.then((captures) => captures && options.onReady?.());
  const turns = new Turns();
  let failure: { readonly error: unknown } | null = null;
  const beside = (step: () => Promise<unknown>): void => {
    turns.take(step).catch((error: unknown) => {
      failure ??= { error };
      stop();
    });
  };
  const ticker = setInterval(beside, TICK_MS, () => pump.tick(Date.now() * 1000));
  const reporter = setInterval(beside, REPORT_MS, () => pump.report());
  try {
    let bytes = 0;
    for await (const chunk of live.chunks) {
      bytes += chunk.length;
      await turns.take(() => pump.write(chunk));
      options.onProgress?.(bytes, options.target.progress());
    }
    await live.ended;
  } finally {
    clearInterval(ticker);
    clearInterval(reporter);
    ending.removeEventListener('abort', stop);
    live.stop();
    // What these began is done before the end is put after it.
    await turns.take(async () => {});
  }
  if (failure !== null) throw (failure as { readonly error: unknown }).error;
  return live.ended;
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
