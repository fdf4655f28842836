/** The database that calls are stored in: the embedded engine of a data folder, or a ClickHouse server; same schema, same SQL. */
import {
  type ClickHouseClient,
  type ClickHouseClientConfigOptions,
  ClickHouseLogLevel,
  createClient,
} from '@clickhouse/client';
import { BitternError } from '../common/errors.ts';
import { openEngine } from './engine/engine.ts';
import { ENGINE_DEFAULTS } from './engine/options.ts';
import { applyRetention, loadMigrations, migrate } from './migrations.ts';

export const STORE_DEFAULTS = {
  retentionDays: 30,
  memoryBytesMax: ENGINE_DEFAULTS.memoryBytesMax,
  requestTimeoutMs: 60_000,
  connectionsMax: 10,
  database: ENGINE_DEFAULTS.database,
} as const;

export interface StoreOptions {
  /** Folder of the embedded engine; unused with `url`. */
  readonly dataDir: string;
  /** A server instead of the embedded engine: `http[s]://user:password@host:port/database` (CLICKHOUSE_URL). */
  readonly url?: string | undefined;
  /** Rows go away so many days after they were stored; 0: never. */
  readonly retentionDays: number;
  /** Ceiling of the embedded engine's memory, bytes. */
  readonly memoryBytesMax: number;
  /** False: use the database as it is (default: bring it to this release's schema). */
  readonly migrate?: boolean | undefined;
}

export interface Store {
  readonly client: ClickHouseClient;
  readonly database: string;
  readonly kind: 'embedded' | 'server';
  /** Where it is, without user and password. */
  readonly url: string;
  /** True when this process started the engine and `close` stops it. */
  readonly owned: boolean;
  /** Pid of the embedded engine's process; undefined for a server. */
  enginePid(): number | undefined;
  /** Ends the connections, and the engine when this process started it. */
  close(): Promise<void>;
}

interface Target {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/**
 * Opens the store and brings its schema up to date.
 * @throws BitternError BIT_ENGINE_UNAVAILABLE, BIT_ENGINE_FAILED, BIT_STORE_URL, BIT_STORE_UNREACHABLE, BIT_SCHEMA_…
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  if (options.url !== undefined && options.url !== '') {
    const target = parseStoreUrl(options.url);
    return ready({ kind: 'server', owned: false, enginePid: () => undefined, stop: async () => {} }, target, options);
  }
  const engine = await openEngine(options);
  const origin = {
    kind: 'embedded',
    owned: engine.owned,
    enginePid: () => engine.pid,
    stop: () => engine.close(),
  } as const;
  return ready(origin, engine.runtime, options);
}

interface StoreOrigin extends Pick<Store, 'kind' | 'owned' | 'enginePid'> {
  stop(): Promise<void>;
}

async function ready(origin: StoreOrigin, target: Target, options: StoreOptions): Promise<Store> {
  const client = connect(target, target.database);
  const close = async () => {
    await client.close();
    await origin.stop();
  };
  try {
    if (options.migrate !== false) await prepare(client, target, options.retentionDays);
  } catch (error) {
    await close();
    throw error;
  }
  return { ...origin, client, database: target.database, url: target.url, close };
}

async function prepare(client: ClickHouseClient, target: Target, retentionDays: number): Promise<void> {
  const outside = connect(target, undefined);
  try {
    await outside.command({
      query: 'CREATE DATABASE IF NOT EXISTS {name:Identifier}',
      query_params: { name: target.database },
    });
  } catch (cause) {
    throw new BitternError(
      'BIT_STORE_UNREACHABLE',
      `ClickHouse at ${target.url} can't be used: ${(cause as Error).message || String(cause)}. Check CLICKHOUSE_URL, its user and its grants.`,
      { cause },
    );
  } finally {
    await outside.close();
  }
  await migrate(client, loadMigrations());
  await applyRetention(client, retentionDays);
}

function connect(target: Target, database: string | undefined): ClickHouseClient {
  const config: ClickHouseClientConfigOptions = {
    url: target.url,
    username: target.user,
    password: target.password,
    application: 'bittern',
    // Its log would hold queries and their parameters; every error reaches a caller anyway.
    log: { level: ClickHouseLogLevel.OFF },
    request_timeout: STORE_DEFAULTS.requestTimeoutMs,
    max_open_connections: STORE_DEFAULTS.connectionsMax,
    // Lists of ids are parameters too, and longer than a URL may be.
    use_multipart_params_auto: true,
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0, date_time_input_format: 'best_effort' },
  };
  return createClient(database === undefined ? config : { ...config, database });
}

/** @throws BitternError BIT_STORE_URL when it isn't an http(s) URL. The message never holds the password. */
export function parseStoreUrl(text: string): Target {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new BitternError('BIT_STORE_URL', 'CLICKHOUSE_URL must look like http://user:password@host:8123/database.');
  }
  const database =
    decodeURIComponent(url.pathname.slice(1)) || url.searchParams.get('database') || STORE_DEFAULTS.database;
  return {
    url: url.origin,
    user: decodeURIComponent(url.username) || 'default',
    password: decodeURIComponent(url.password),
    database,
  };
}
