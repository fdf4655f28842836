/** Live capture until it is stopped, into a store or onto Kafka. */
import { Pump } from '../capture/pump.ts';
import type { SinkStats } from '../clickhouse/sink.ts';
import type { BitternError } from '../common/errors.ts';
import type { Config } from '../config/schema.ts';
import { captureObserved } from '../observe/sources/capture.ts';
import { type InputEnd, inputsOf, interfacesOf, type LiveInput } from './live-inputs.ts';
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
  /** `-`: standard input; a path: captures that are being written there. Undefined: the interfaces of the configuration. */
  readonly source?: string | undefined;
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
  const inputs = inputsOf(options.config, options.source);
  return withTarget(
    options.target,
    async (target) => {
      const pump = new Pump(captureOptions(options.config), target);
      options.observing.add(captureObserved(pump), ...target.observed);
      pump.nextSource(`live:${options.source ?? interfacesOf(options.config).join(',')}`);
      const { failure, droppedPackets } = await capture(options, inputs, pump);
      await pump.end('stopped');
      await target.finish(await pump.report());
      return { sink: target.stored, droppedPackets, failure };
    },
    options.signal,
  );
}

/** Resolves when all inputs have ended: stopped by the signal, by a failed stage or by one of them that failed, or by themselves. */
async function capture(options: LiveOptions, inputs: readonly LiveInput[], pump: Pump): Promise<InputEnd> {
  const own = new AbortController();
  const ending = AbortSignal.any([options.signal, options.target.failed, own.signal]);
  const turns = new Turns();
  let failure: { readonly error: unknown } | null = null;
  const fail = (error: unknown): void => {
    failure ??= { error };
    own.abort();
  };
  const beside = (step: () => Promise<unknown>): void => void turns.take(step).catch(fail);
  const ticker = setInterval(beside, TICK_MS, () => pump.elapse());
  const reporter = setInterval(beside, REPORT_MS, () => pump.report());
  let bytes = 0;
  let waiting = inputs.length;
  const context = {
    config: options.config,
    pump,
    ending,
    take: <T>(step: () => Promise<T>) => turns.take(step),
    onBytes(length: number) {
      bytes += length;
      options.onProgress?.(bytes, options.target.progress());
    },
  };
  const ends = await Promise.all(
    inputs.map(async (input) => {
      let ready = false;
      const onReady = (): void => {
        if (!ready && --waiting === 0) options.onReady?.();
        ready = true;
      };
      const end = await input({ ...context, onReady }).catch((error: unknown): InputEnd => {
        fail(error);
        return { droppedPackets: 0, failure: null };
      });
      // One of several interfaces that is gone for good: half a capture would pass for a whole one.
      if (end.failure !== null) own.abort();
      return end;
    }),
  );
  clearInterval(ticker);
  clearInterval(reporter);
  // What these began is done before the end is put after it.
  await turns.take(async () => {});
  if (failure !== null) throw (failure as { readonly error: unknown }).error;
  return {
    droppedPackets: ends.reduce((sum, { droppedPackets }) => sum + droppedPackets, 0),
    failure: ends.find((end) => end.failure !== null)?.failure ?? null,
  };
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
