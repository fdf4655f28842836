/** Replays a capture through all stages into an embedded ClickHouse, and reads what was made of it. */
import type { Finding, Session, ToolCall, Turn } from '../../schemas/story.ts';
import { replayFiles } from '../../services/cli/replay.ts';
import { openConfiguredStore } from '../../services/cli/runtime.ts';
import { storeTarget } from '../../services/cli/target.ts';
import type { Store } from '../../services/clickhouse/store.ts';
import { getSession, listSessions } from '../../services/clickhouse/story-queries.ts';
import { loadConfig } from '../../services/config/load.ts';

export interface StoredCall {
  readonly call_id: string;
  readonly response_id: string;
  readonly client_port: number;
  readonly protocol: string;
  readonly agent_id: string;
  readonly session_id: string;
  readonly session_source: string;
  readonly thread_id: string;
  readonly turn_id: string;
  readonly call_kind: string;
  readonly outcome: string;
}

export interface Stored {
  /** In order of time. */
  readonly calls: readonly StoredCall[];
  readonly sessions: readonly Session[];
  readonly turns: readonly Turn[];
  readonly toolCalls: readonly ToolCall[];
  readonly findings: readonly Finding[];
}

const CALLS = `SELECT call_id, response_id, client_port, protocol, agent_id, session_id, session_source, thread_id, turn_id, call_kind, outcome
  FROM calls FINAL ORDER BY request_start, call_id`;
const SESSIONS_MAX = 1000;

async function read(store: Store): Promise<Stored> {
  const result = await store.client.query({ query: CALLS, format: 'JSONEachRow' });
  const calls = await result.json<StoredCall>();
  const { sessions } = await listSessions(store, { limit: SESSIONS_MAX });
  const stories = [];
  for (const { sessionId } of sessions) stories.push((await getSession(store, sessionId))!);
  return {
    calls,
    sessions,
    turns: stories.flatMap(({ turns }) => turns),
    toolCalls: stories.flatMap(({ toolCalls }) => toolCalls),
    findings: stories.flatMap(({ findings }) => findings),
  };
}

export async function storedOf(pcap: string, dataDir: string): Promise<Stored> {
  const { config } = await loadConfig({ env: {}, overrides: { dataDir, 'clickhouse.url': '' } });
  const store = await openConfiguredStore(config);
  try {
    const { signal } = new AbortController();
    await replayFiles({ config, files: [pcap], signal, openTarget: () => storeTarget(config, store) });
    return await read(store);
  } finally {
    await store.close();
  }
}
