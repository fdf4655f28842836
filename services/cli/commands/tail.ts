import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../../clickhouse/queries.ts';
import type { Store } from '../../clickhouse/store.ts';
import { type CommandBody, EXIT } from '../command.ts';
import { openConfiguredStore } from '../runtime.ts';
import { formatTime } from '../summary.ts';
import { printable } from '../terminal/table.ts';
import { formatCount, formatMs, formatUsd } from '../terminal/units.ts';

const POLL_MS = 500;
/** Rows become visible a little after the time of storing that they carry. */
const OVERLAP_S = 3;
const ROWS_MAX = 2000;
const TEXT_SHOWN = 80;

interface TailRow {
  readonly id: string;
  readonly time: number;
  readonly stored: number;
  readonly agent: string;
  readonly session: string;
  readonly kind: string;
  readonly model: string;
  readonly outcome: string;
  readonly durationMs: number | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly costUsd: number | null;
  readonly tools: readonly string[];
  readonly prompt: string;
  readonly answer: string;
}

const COLUMNS = `call_id AS id, toUnixTimestamp64Micro(request_start) AS time, toUnixTimestamp(stored) AS stored, agent_id AS agent,
  session_id AS session, call_kind AS kind, if(model = '', requested_model, model) AS model, outcome, duration_ms AS durationMs,
  input_tokens AS inputTokens, output_tokens AS outputTokens, cost_usd AS costUsd, tool_names AS tools,
  prompt_preview AS prompt, answer_preview AS answer`;

interface FindingRow {
  readonly id: string;
  readonly version: number;
  readonly level: string;
  readonly kind: string;
  readonly state: string;
  readonly agent: string;
  readonly session: string;
  readonly summary: string;
}

function short(text: string): string {
  const line = printable(text.replace(/\s+/g, ' ').trim());
  return line.length <= TEXT_SHOWN ? line : `${line.slice(0, TEXT_SHOWN)} …`;
}

function callLine(row: TailRow): string {
  const said = row.tools.length > 0 ? `→ ${printable(row.tools.join(', '))}` : short(row.answer);
  const failed = row.outcome === 'ok' ? '' : ` ${row.outcome}`;
  const kind = row.kind === 'main' || row.kind === '' ? '' : ` [${row.kind}]`;
  const cost = `${formatMs(row.durationMs)} ${formatCount(row.inputTokens)}/${formatCount(row.outputTokens)} ${formatUsd(row.costUsd)}`;
  return `${formatTime(row.time).slice(11)} ${printable(row.agent || '–')} ${printable(row.session || '–')}${kind}${failed} (${printable(row.model)} ${cost}) ${said}`;
}

function findingLine(row: FindingRow): string {
  return `         ${row.level.toUpperCase()} ${row.state} ${printable(row.agent || '–')} ${printable(row.session)}: ${printable(row.summary)}`;
}

/** What was stored since the last look. */
class Tail {
  readonly #store: Store;
  readonly #agent: string | null;
  readonly #seen = new Map<string, number>();
  #since: number;
  #version: number;

  constructor(store: Store, agent: string | null, now: { readonly seconds: number; readonly micros: number }) {
    this.#store = store;
    this.#agent = agent;
    this.#since = now.seconds;
    this.#version = now.micros;
  }

  async calls(): Promise<TailRow[]> {
    const where = `stored >= toDateTime({since:UInt32}, 'UTC')${this.#agent === null ? '' : ' AND agent_id = {agent:String}'}`;
    const params = { since: this.#since - OVERLAP_S, agent: this.#agent ?? '', limit: ROWS_MAX };
    const query = `SELECT ${COLUMNS} FROM calls WHERE ${where} ORDER BY calls.stored, request_start LIMIT {limit:UInt32}`;
    const rows = (await ask<TailRow>(this.#store, query, params)).filter(({ id }) => !this.#seen.has(id));
    for (const { id, stored } of rows) {
      this.#seen.set(id, stored);
      this.#since = Math.max(this.#since, stored);
    }
    for (const [id, stored] of this.#seen) if (stored < this.#since - 2 * OVERLAP_S) this.#seen.delete(id);
    return rows;
  }

  async findings(): Promise<FindingRow[]> {
    const query = `SELECT finding_id AS id, version, level, kind, state, agent_id AS agent, session_id AS session, summary
      FROM finding_rows FINAL WHERE version > {version:UInt64} ORDER BY version LIMIT {limit:UInt32}`;
    const rows = await ask<FindingRow>(this.#store, query, { version: this.#version, limit: ROWS_MAX });
    for (const { version } of rows) this.#version = Math.max(this.#version, Number(version));
    return rows.filter((row) => this.#agent === null || row.agent === this.#agent);
  }
}

export const tail: CommandBody = {
  usage: '[options]',
  details:
    'Prints calls and findings as they are stored, until Ctrl-C. Works beside `bittern up` and `bittern capture` on the same data folder.',
  options: { agent: { type: 'string', value: 'NAME', description: 'only of this agent' } },
  examples: [['bittern tail --agent ops-loop', 'what one agent does now']],
  positionals: { min: 0, max: 0 },
  run: async ({ args, loaded, signal, json, print, note }) => {
    const store = await openConfiguredStore(loaded.config);
    try {
      const [now] = await ask<{ seconds: number; micros: number }>(
        store,
        'SELECT toUnixTimestamp(now()) AS seconds, toUnixTimestamp64Micro(now64(6)) AS micros',
        {},
      );
      const feed = new Tail(store, args.text('agent') ?? null, now!);
      note('Waiting for calls. Ctrl-C ends it.');
      while (!signal.aborted) {
        for (const row of await feed.calls()) print(json ? JSON.stringify({ type: 'call', ...row }) : callLine(row));
        for (const row of await feed.findings())
          print(json ? JSON.stringify({ type: 'finding', ...row }) : findingLine(row));
        await sleep(POLL_MS, undefined, { signal }).catch(() => {});
      }
      return EXIT.ok;
    } finally {
      await store.close();
    }
  },
};
