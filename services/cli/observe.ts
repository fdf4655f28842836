/** Health and metrics of a command that runs for long, as the configuration wants them. */
import type { Config } from '../config/schema.ts';
import { type Listener, listen, parseListenAddress } from '../observe/listener.ts';
import type { Observed } from '../observe/observed.ts';
import { Observer } from '../observe/observer.ts';
import type { Context } from './command.ts';
import { VERSION } from './version.ts';

export interface Observing {
  readonly observer: Observer;
  add(...parts: readonly Observed[]): void;
  close(): void;
}

/**
 * Begins to observe `stage`, and to listen when `observe.listen` is set. Not ready any more from the signal on.
 * @throws BitternError BIT_OBSERVE_…
 */
export async function startObserving(
  { loaded, signal, note }: Pick<Context, 'loaded' | 'signal' | 'note'>,
  stage: string,
): Promise<Observing> {
  const { listen: address, allowRemote, stallMs } = loaded.config.observe;
  const observer = new Observer({ stage, version: VERSION, stallMs });
  let listener: Listener | null = null;
  if (address !== '') {
    listener = await listen(observer, parseListenAddress(address), allowRemote);
    note(`Health and metrics on ${listener.url}`);
  }
  const stopping = (): void => observer.stopping();
  if (signal.aborted) stopping();
  else signal.addEventListener('abort', stopping, { once: true });
  return {
    observer,
    add: (...parts) => observer.add(...parts),
    close: () => {
      observer.close();
      listener?.close();
    },
  };
}

/** What the configuration says of Kafka that health depends on. */
export function kafkaLimits({ kafka }: Config): { readonly sessionTimeoutMs: number } {
  return { sessionTimeoutMs: kafka.sessionTimeoutMs };
}
