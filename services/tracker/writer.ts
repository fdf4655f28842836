/**
 * Writes what the tracker found out. Everything is written so that writing it again changes nothing: rows by key with the version of
 * their evaluation, corrections and deletions by id. So a crash anywhere between is mended by evaluating again.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { Inserter } from '../clickhouse/inserter.ts';
import { itemChunks, paramChunks } from '../clickhouse/param-chunks.ts';
import { FINDING_ROWS, SESSION_ROWS, TOOL_CALL_ROWS, TURN_ROWS } from '../clickhouse/story-tables.ts';
import type { Micros } from '../common/types.ts';
import type { Correction } from './places.ts';
import type { Told } from './session.ts';

/** The texts of a correction that are lists of parameters. */
const CORRECTED = [
  (each: Correction) => each.callId,
  (each: Correction) => each.sessionId,
  (each: Correction) => each.threadId,
  (each: Correction) => each.turnId,
  (each: Correction) => each.kind,
] as const;

const RETRY = { retryDelayMs: 50, retryDelayMsMax: 5000 };

export interface Changes extends Told {
  /** Sessions that went into others. */
  readonly goneSessions: readonly string[];
}

export class StoryWriter {
  readonly #client: ClickHouseClient;
  readonly #inserter: Inserter;

  /** `aborted`: what is under way gives up. */
  constructor(client: ClickHouseClient, aborted: AbortSignal) {
    this.#client = client;
    this.#inserter = new Inserter(client, RETRY, aborted);
  }

  /** Why the store can't be used at the moment; '' when it can. */
  get problem(): string {
    return this.#inserter.problem;
  }

  /** `version`: µs; what is written by a later evaluation counts. */
  async write(changes: Changes, version: Micros): Promise<void> {
    const versioned = <T>(rows: readonly T[]): (T & { version: number })[] => rows.map((row) => ({ ...row, version }));
    for (const part of itemChunks(changes.corrections, ...CORRECTED)) await this.#correct(part);
    for (const part of paramChunks(changes.goneSessions)) await this.#deleteSessions(part);
    for (const part of paramChunks(changes.goneTurns)) {
      await this.#delete('DELETE FROM turn_rows WHERE turn_id IN {ids:Array(String)}', part);
    }
    for (const part of paramChunks(changes.goneFindings)) {
      await this.#delete('DELETE FROM finding_rows WHERE finding_id IN {ids:Array(String)}', part);
    }
    await Promise.all([
      this.#inserter.insert(SESSION_ROWS, versioned(changes.sessions)),
      this.#inserter.insert(TURN_ROWS, versioned(changes.turns)),
      this.#inserter.insert(TOOL_CALL_ROWS, versioned(changes.toolCalls)),
    ]);
    // Last: who is alerted finds the rest in place.
    await this.#inserter.insert(FINDING_ROWS, versioned(changes.findings));
  }

  async #correct(corrections: readonly Correction[]): Promise<void> {
    const ids = corrections.map(({ callId }) => callId);
    const starts = corrections.map(({ start }) => start);
    const column = (name: string, parameter: string): string =>
      `${name} = transform(call_id, {ids:Array(String)}, {${parameter}:Array(String)}, ${name})`;
    const sets = [
      column('session_id', 'sessions'),
      column('thread_id', 'threads'),
      column('turn_id', 'turns'),
      column('call_kind', 'kinds'),
    ];
    await this.#client.command({
      query: `UPDATE calls SET ${sets.join(', ')}
        WHERE call_id IN {ids:Array(String)} AND request_start BETWEEN fromUnixTimestamp64Micro({from:Int64}) AND fromUnixTimestamp64Micro({to:Int64})`,
      query_params: {
        ids,
        sessions: corrections.map(({ sessionId }) => sessionId),
        threads: corrections.map(({ threadId }) => threadId),
        turns: corrections.map(({ turnId }) => turnId),
        kinds: corrections.map(({ kind }) => kind),
        from: Math.min(...starts),
        to: Math.max(...starts),
      },
    });
  }

  async #deleteSessions(ids: readonly string[]): Promise<void> {
    for (const table of ['session_rows', 'turn_rows', 'tool_call_rows', 'finding_rows']) {
      await this.#delete(`DELETE FROM ${table} WHERE session_id IN {ids:Array(String)}`, ids);
    }
  }

  async #delete(query: string, ids: readonly string[]): Promise<void> {
    const settings = { lightweight_deletes_sync: '2' } as const;
    await this.#client.command({ query, query_params: { ids: [...ids] }, clickhouse_settings: settings });
  }
}
