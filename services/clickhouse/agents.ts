/** The agent registry: names that people give to agents, over what the traffic tells of them. */
import type { Micros } from '../common/types.ts';
import { ask } from './queries.ts';
import type { Store } from './store.ts';

type Client = Pick<Store, 'client'>;

export interface AgentEntry {
  /** `calls.agent_id`. */
  readonly rawId: string;
  /** '' = not given. */
  readonly name: string;
  readonly owner: string;
  readonly team: string;
  readonly environment: string;
}

/** An agent that was seen, that has an entry, or both. */
export interface Agent {
  readonly agentId: string;
  readonly name: string;
  readonly owner: string;
  readonly team: string;
  readonly environment: string;
  readonly clientName: string;
  readonly identitySource: string;
  /** Null: it has an entry, but no call of it is stored. */
  readonly firstSeen: Micros | null;
  readonly lastSeen: Micros | null;
  readonly calls: number;
  /** Whether people gave it an entry. */
  readonly registered: boolean;
}

/** Characters of each text of an entry. */
export const AGENT_TEXT_CHARS_MAX = 200;
const AGENTS_MAX = 10_000;

export async function agentEntries(store: Client): Promise<AgentEntry[]> {
  return ask<AgentEntry>(
    store,
    `SELECT raw_id AS rawId, name, owner, team, environment FROM agent_entries FINAL WHERE NOT deleted LIMIT ${AGENTS_MAX}`,
    {},
  );
}

/** Agents by their newest call, then those that only have an entry; at most 10,000. */
export async function listAgents(store: Client): Promise<Agent[]> {
  const rows = await ask<Agent>(
    store,
    `WITH entries AS (SELECT * FROM agent_entries FINAL WHERE NOT deleted)
     SELECT * FROM (
       SELECT agent_id AS agentId, name, owner, team, toString(environment) AS environment, toString(client_name) AS clientName,
         toString(identity_source) AS identitySource, toNullable(toUnixTimestamp64Micro(first_seen)) AS firstSeen,
         toNullable(toUnixTimestamp64Micro(last_seen)) AS lastSeen, calls, agent_id IN (SELECT raw_id FROM entries) AS registered
       FROM agents
       UNION ALL
       SELECT raw_id, if(name = '', raw_id, name), owner, team, toString(environment), '', '', NULL, NULL, 0, 1
       FROM entries WHERE raw_id NOT IN (SELECT agent_id FROM calls)
     ) ORDER BY lastSeen DESC NULLS LAST, agentId LIMIT ${AGENTS_MAX}`,
    {},
  );
  return rows.map((row) => ({ ...row, registered: Boolean(row.registered) }));
}

/** Sets the texts that are given and leaves the others of the entry as they are. */
export async function setAgent(
  store: Client,
  rawId: string,
  change: Partial<Omit<AgentEntry, 'rawId'>>,
): Promise<AgentEntry> {
  const entries = await ask<AgentEntry>(
    store,
    `SELECT raw_id AS rawId, name, owner, team, environment FROM agent_entries FINAL WHERE raw_id = {rawId:String} AND NOT deleted`,
    { rawId },
  );
  const before = entries[0] ?? { rawId, name: '', owner: '', team: '', environment: '' };
  const entry = { ...before, ...change, rawId };
  await write(store, entry, false);
  return entry;
}

/** False when there was no entry. */
export async function unsetAgent(store: Client, rawId: string): Promise<boolean> {
  const rows = await ask(store, 'SELECT 1 FROM agent_entries FINAL WHERE raw_id = {rawId:String} AND NOT deleted', {
    rawId,
  });
  if (rows.length === 0) return false;
  await write(store, { rawId, name: '', owner: '', team: '', environment: '' }, true);
  return true;
}

async function write(store: Client, entry: AgentEntry, deleted: boolean): Promise<void> {
  const { rawId, ...texts } = entry;
  // By the server's clock: two machines that change one entry agree on which change is the newest.
  await store.client.command({
    query: `INSERT INTO agent_entries SELECT {rawId:String}, {name:String}, {owner:String}, {team:String}, {environment:String},
      {deleted:Bool}, toUnixTimestamp64Micro(now64(6))`,
    query_params: { rawId, ...texts, deleted },
  });
}
