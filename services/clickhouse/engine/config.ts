/** The generated configuration of the embedded engine: users, limits, small caches. Readable by its owner only. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

export interface EngineConfig {
  /** A random token: answers that carry it in X-ClickHouse-Server-Display-Name come from this engine and no other. */
  readonly displayName: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Ceiling of the engine's memory, bytes. */
  readonly memoryBytesMax: number;
}

/** Writes the configuration with mode 0600. It holds the password's hash only. */
export function writeEngineConfig(file: string, config: EngineConfig): void {
  writeFileSync(file, engineConfigXml(path.basename(file), config), { mode: 0o600 });
}

/**
 * `default` is the user of the engine's own console, which opens the listener and may do nothing else. The app's user owns one
 * database: no file(), url() or other way out of it.
 */
function engineConfigXml(ownName: string, config: EngineConfig): string {
  const passwordHash = createHash('sha256').update(config.password).digest('hex');
  const loopback = '<networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>';
  const grants = [
    `GRANT ALL ON ${config.database}.*`,
    `GRANT CREATE DATABASE ON ${config.database}.*`,
    'GRANT SELECT ON system.*',
    'GRANT KILL QUERY ON *.*',
    'GRANT TABLE ENGINE ON *',
  ];
  const cacheBytes = Math.min(64 * 1024 * 1024, Math.floor(config.memoryBytesMax / 16));
  return `<clickhouse>
  <users_config>${ownName}</users_config>
  <display_name>${config.displayName}</display_name>
  <max_server_memory_usage>${config.memoryBytesMax}</max_server_memory_usage>
  <mark_cache_size>${cacheBytes}</mark_cache_size>
  <index_mark_cache_size>${Math.floor(cacheBytes / 4)}</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>2</background_schedule_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <max_connections>256</max_connections>
  <keep_alive_timeout>30</keep_alive_timeout>
  <http_handlers>
    <rule><url>/ping</url><methods>GET,HEAD</methods><handler><type>ping</type></handler></rule>
    <rule><handler><type>dynamic_query_handler</type><query_param_name>query</query_param_name></handler></rule>
  </http_handlers>
  <merge_tree>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
  <profiles><default><max_memory_usage>${Math.floor(config.memoryBytesMax * 0.8)}</max_memory_usage></default></profiles>
  <quotas><default/></quotas>
  <users>
    <default><password></password>${loopback}<grants><query>GRANT SYSTEM LISTEN ON *.*</query></grants></default>
    <${config.user}><password_sha256_hex>${passwordHash}</password_sha256_hex>${loopback}
      <grants>${grants.map((grant) => `<query>${grant}</query>`).join('')}</grants>
    </${config.user}>
  </users>
</clickhouse>
`;
}
