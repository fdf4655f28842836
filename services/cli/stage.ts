/** Runs one stage of the distributed form until it is stopped or fails. */
import type { Consumer } from '../bus/bus.ts';

export interface RunningStage {
  readonly consumers: readonly Consumer[];
  /** One line about its state, for people and logs. */
  status(): string;
}

const STATUS_INTERVAL_MS = 10_000;

/** Resolves when the signal aborts; rejects with the first failure of a consumer. The caller closes what it opened. */
export async function runStage(stage: RunningStage, signal: AbortSignal, note: (line: string) => void): Promise<void> {
  let before = '';
  const reporter = setInterval(() => {
    const status = stage.status();
    if (status !== before) note(status);
    before = status;
  }, STATUS_INTERVAL_MS);
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    await Promise.race([stopped, ...stage.consumers.map((consumer) => consumer.done)]);
  } finally {
    clearInterval(reporter);
  }
}
