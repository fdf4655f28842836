/** The store of a service. One that is started while ClickHouse is away, as after a power cut, waits for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ClickHouseError } from '@clickhouse/client';
import type { Store } from '../clickhouse/store.ts';
import { BitternError } from '../common/errors.ts';
import type { Context } from './command.ts';
import { openConfiguredStore } from './runtime.ts';

/** Longer than a restart of ClickHouse; then the supervisor is told. */
const WAIT_MS_MAX = 60_000;
const RETRY_MS = 1_000;

/** @throws BitternError as openConfiguredStore does: at once when ClickHouse answers, and refuses. */
export async function openServiceStore(
  { signal, note }: Pick<Context, 'signal' | 'note'>,
  config: Context['loaded']['config'],
): Promise<Store> {
  const deadlineMs = performance.now() + WAIT_MS_MAX;
  let told = false;
  for (;;) {
    try {
      return await openConfiguredStore(config);
    } catch (error) {
      if (signal.aborted || performance.now() > deadlineMs || !isAway(error)) throw error;
      if (!told) note(`Waiting for ClickHouse, for ${WAIT_MS_MAX / 1000} s at most. ${(error as Error).message}`);
      told = true;
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
  }
}

/** It can't be reached. What answers is there, whatever it says. */
function isAway(error: unknown): boolean {
  return (
    error instanceof BitternError && error.code === 'BIT_STORE_UNREACHABLE' && !(error.cause instanceof ClickHouseError)
  );
}
