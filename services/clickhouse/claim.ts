/**
 * Whose rows these are. Where several processes share the work, a process that was frozen, or slow to let go, must not insert what
 * its successor has inserted meanwhile. So each row carries the claim under which it was taken, and an insert carries a deadline
 * that the server itself looks at when it reads the rows: later than that, it inserts nothing.
 *
 *     ask the server's clock ─► how long is every row's claim certain? ─► insert, refused by the server after that time
 *          a freeze or a stall anywhere behind the first step makes the insert late, never double
 */
import { type ClickHouseClient, ClickHouseError } from '@clickhouse/client';
import { BitternError } from '../common/errors.ts';

export interface Claim {
  /** For how long, ms, nobody else can come to own these rows; null: the claim is over. */
  ownedForMs(): number | null;
}

/** The longest that an insert may take until the server has read it, ms. */
const DEADLINE_MS_MAX = 10_000;
/** What is left of a claim for the server to write what it has read, ms. */
const WRITE_MS = 500;
/** FUNCTION_THROW_IF_VALUE_IS_NON_ZERO: the deadline is over. */
const LATE_CODE = '395';

/** Thrown by a permit: some of the rows are no longer ours. */
export class ClaimOver extends Error {}

/** @returns the time by the server's clock, ms since the epoch, until which an insert may be read. */
export type Permit = () => Promise<number>;

/** `aborted`: gives up. @throws ClaimOver when a claim is over; another error when it is uncertain at the moment, or the server can't be asked */
export async function permitFor(
  client: ClickHouseClient,
  claims: Iterable<Claim>,
  aborted: AbortSignal,
): Promise<number> {
  const query = 'SELECT toUnixTimestamp64Milli(now64(3))';
  const answer = await client.query({ query, format: 'JSONCompactEachRow', abort_signal: aborted });
  const [[serverMs] = [0]] = await answer.json<[number]>();
  let leftMs = DEADLINE_MS_MAX;
  for (const claim of claims) {
    const ownedForMs = claim.ownedForMs();
    if (ownedForMs === null) throw new ClaimOver();
    leftMs = Math.min(leftMs, ownedForMs - WRITE_MS);
  }
  if (leftMs <= 0)
    throw new BitternError(
      'BIT_CLAIM_UNCERTAIN',
      'It is uncertain whether the rows are still to be stored by this process.',
    );
  return serverMs + Math.floor(leftMs);
}

/** True for the server's refusal of an insert that came late. */
export function isLate(error: unknown): boolean {
  return error instanceof ClickHouseError && error.code === LATE_CODE;
}
