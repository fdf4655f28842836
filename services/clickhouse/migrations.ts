/**
 * Brings a database to this release's schema: applies schemas/clickhouse/NNNN-name.sql in order, each once.
 *
 * What was applied stands in `schema_migrations` with a checksum, so that an edited file is told instead of leaving two
 * databases of one version with different tables. ClickHouse has no transactions for DDL: each statement of a migration can be
 * repeated (`IF NOT EXISTS`), so a migration that was cut in the middle, or two processes that start at once, do no harm.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ClickHouseClient } from '@clickhouse/client';
import { BitternError } from '../common/errors.ts';

export interface Migration {
  readonly version: number;
  /** File name without `.sql`. */
  readonly name: string;
  readonly sql: string;
}

const FOLDER = fileURLToPath(new URL('../../schemas/clickhouse/', import.meta.url));

/**
 * Tables whose rows go away `retentionDays` after they were stored. `contents` outlives the calls that name it by this many days, and
 * silences may last for a while.
 */
const RETAINED_TABLES: readonly { readonly name: string; readonly extraDays: number }[] = [
  { name: 'calls', extraDays: 0 },
  { name: 'exchanges', extraDays: 0 },
  { name: 'tool_executions', extraDays: 0 },
  { name: 'contents', extraDays: 2 },
  { name: 'probe_reports', extraDays: 0 },
  { name: 'capture_health', extraDays: 0 },
  { name: 'dead_letters', extraDays: 0 },
  { name: 'session_rows', extraDays: 0 },
  { name: 'turn_rows', extraDays: 0 },
  { name: 'tool_call_rows', extraDays: 0 },
  { name: 'finding_rows', extraDays: 0 },
  { name: 'alert_delivery_rows', extraDays: 0 },
  { name: 'silence_rows', extraDays: 100 },
  { name: 'rule_runs', extraDays: 0 },
  { name: 'call_hops', extraDays: 0 },
  { name: 'call_hour_rows', extraDays: 0 },
  { name: 'call_hour_versions', extraDays: 0 },
];

const MIGRATIONS_TABLE = `CREATE TABLE IF NOT EXISTS schema_migrations
(
    version UInt32 COMMENT 'Number of the migration.',
    name String COMMENT 'Its file name without .sql.',
    checksum String COMMENT 'SHA-256 of the file as it was applied, 64 hex digits.',
    applied DateTime('UTC') DEFAULT now() COMMENT 'When it was applied.'
)
ENGINE = ReplacingMergeTree(applied)
ORDER BY version
COMMENT 'Migrations of the schema that were applied'`;

/** The migrations of this release in order. */
export function loadMigrations(folder: string = FOLDER): Migration[] {
  const files = readdirSync(folder).filter((file) => /^\d{4}-[a-z0-9-]+\.sql$/.test(file));
  return files.sort().map((file) => {
    return {
      version: Number(file.slice(0, 4)),
      name: file.slice(0, -4),
      sql: readFileSync(`${folder}/${file}`, 'utf8'),
    };
  });
}

/** ClickHouse's error code: the table of an ALTER was renamed while it ran. */
const CANNOT_ASSIGN_ALTER = '517';
const RENAMED_ATTEMPTS = 10;
const RENAMED_RETRY_MS = 200;

/**
 * Applies what isn't applied yet. Returns the names of what it applied.
 * @throws BitternError BIT_SCHEMA_EDITED when an applied migration's file has changed, BIT_SCHEMA_NEWER when the database was
 * migrated by a newer release, BIT_SCHEMA_FAILED when a statement fails.
 */
export async function migrate(client: ClickHouseClient, migrations: readonly Migration[]): Promise<string[]> {
  await client.command({ query: MIGRATIONS_TABLE });
  const applied = await appliedMigrations(client);
  const newest = migrations.at(-1)?.version ?? 0;
  for (const version of applied.keys()) {
    if (version > newest) {
      throw new BitternError(
        'BIT_SCHEMA_NEWER',
        `The database has migration ${version}, this release knows up to ${newest}: run the newer release, or use another database.`,
      );
    }
  }
  const done: string[] = [];
  for (const migration of migrations) {
    const checksum = createHash('sha256').update(migration.sql).digest('hex');
    const known = applied.get(migration.version);
    if (known === checksum) continue;
    if (known !== undefined) {
      throw new BitternError(
        'BIT_SCHEMA_EDITED',
        `Migration ${migration.name} was edited after it had been applied: restore the file and put the change into a new migration.`,
      );
    }
    await apply(client, migration, checksum);
    done.push(migration.name);
  }
  return done;
}

async function appliedMigrations(client: ClickHouseClient): Promise<ReadonlyMap<number, string>> {
  const query =
    'SELECT version, argMin(checksum, applied) AS checksum FROM schema_migrations GROUP BY version ORDER BY version';
  const result = await client.query({ query, format: 'JSONEachRow' });
  const rows = await result.json<{ version: number; checksum: string }>();
  return new Map(rows.map((row) => [row.version, row.checksum]));
}

async function apply(client: ClickHouseClient, migration: Migration, checksum: string): Promise<void> {
  try {
    await runThrough(client, migration);
    const values = [{ version: migration.version, name: migration.name, checksum }];
    await client.insert({
      table: 'schema_migrations',
      columns: ['version', 'name', 'checksum'],
      values,
      format: 'JSONEachRow',
    });
  } catch (cause) {
    throw new BitternError(
      'BIT_SCHEMA_FAILED',
      `Migration ${migration.name} failed: ${(cause as Error).message}. Mend the cause and start again: it is repeated from its beginning.`,
      { cause },
    );
  }
}

/** Whoever starts at the same time may replace a view under an ALTER of ours: what can be repeated anyway is, from its beginning. */
async function runThrough(client: ClickHouseClient, migration: Migration): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      for (const query of statements(migration.sql)) await client.command({ query });
      return;
    } catch (error) {
      if (attempt === RENAMED_ATTEMPTS || (error as { code?: unknown }).code !== CANNOT_ASSIGN_ALTER) throw error;
    }
    await sleep(RENAMED_RETRY_MS);
  }
}

/** Statements of a migration: they end with `;` at the end of a line. Lines that begin with `--` are comments. */
export function statements(sql: string): string[] {
  const code = sql.replace(/^\s*--.*$/gm, '');
  return code
    .split(/;[ \t]*(?:\r?\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

/**
 * Makes rows go away `retentionDays` after they were *stored* (not captured: an old capture that is replayed today stays).
 * 0 keeps them for ever. Changes nothing when the tables have that retention already.
 */
export async function applyRetention(client: ClickHouseClient, retentionDays: number): Promise<void> {
  const query = 'SELECT name, engine_full FROM system.tables WHERE database = currentDatabase()';
  const tables = await (await client.query({ query, format: 'JSONEachRow' })).json<{
    name: string;
    engine_full: string;
  }>();
  const changes = RETAINED_TABLES.map(async (table) => {
    const days = retentionDays === 0 ? 0 : Math.trunc(retentionDays) + table.extraDays;
    const current = tables.find(({ name }) => name === table.name)?.engine_full ?? '';
    const has = Number(/ TTL stored \+ toIntervalDay\((\d+)\)/.exec(current)?.[1] ?? 0);
    if (has === days) return;
    const change = days === 0 ? 'REMOVE TTL' : `MODIFY TTL stored + toIntervalDay(${days})`;
    await client.command({ query: `ALTER TABLE ${table.name} ${change}` });
  });
  await Promise.all(changes);
}
