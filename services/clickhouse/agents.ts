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

/** What the calls of one day tell of an agent. */
export interface AgentDay {
  readonly agentId: string;
  readonly team: string;
  readonly clientName: string;
  readonly identitySource: string;
  readonly firstSeen: Micros;
  readonly lastSeen: Micros;
  readonly calls: number;
}

/** Agents of the calls of these partitions (days as `20261118`), by partition. */
export async function agentDays(store: Client, days: readonly string[]): Promise<ReadonlyMap<string, AgentDay[]>> {
  if (days.length === 0) return new Map();
  const rows = await ask<AgentDay & { day: string }>(
    store,
    `SELECT _partition_id AS day, agent_id AS agentId, argMax(team_id, request_start) AS team, argMax(client_name, request_start) AS clientName,
       argMax(identity_source, request_start) AS identitySource, toUnixTimestamp64Micro(min(request_start)) AS firstSeen,
       toUnixTimestamp64Micro(max(request_start)) AS lastSeen, count() AS calls
     FROM calls WHERE _partition_id IN {days:Array(String)} AND agent_id != '' GROUP BY day, agentId`,
    { days: [...days] },
  );
  const found = new Map<string, AgentDay[]>();
  for (const { day, ...agent } of rows) found.set(day, [...(found.get(day) ?? []), agent]);
  return found;
}

/** As `listAgents`, from what each day tells, in the order of the days. */
export function agentsOf(seen: readonly AgentDay[], entries: readonly AgentEntry[]): Agent[] {
  const days = new Map<string, AgentDay>();
  for (const day of seen) {
    const { firstSeen = day.firstSeen, calls = 0 } = days.get(day.agentId) ?? {};
    days.set(day.agentId, { ...day, firstSeen, calls: calls + day.calls });
  }
  const named = new Map(entries.map((entry) => [entry.rawId, entry]));
  const agents = [...days.values()].map((day): Agent => {
    const entry = named.get(day.agentId);
    const { name = '', owner = '', team = '', environment = '' } = entry ?? {};
    const texts = { name: name || day.agentId, owner, team: team || day.team, environment };
    return { ...day, ...texts, registered: entry !== undefined };
  });
  const unseen = entries.filter(({ rawId }) => !days.has(rawId)).map(unseenAgent);
  return [...agents, ...unseen].sort(newestFirst).slice(0, AGENTS_MAX);
}

const unseenAgent = ({ rawId, name, ...texts }: AgentEntry): Agent => ({
  agentId: rawId,
  name: name || rawId,
  ...texts,
  clientName: '',
  identitySource: '',
  firstSeen: null,
  lastSeen: null,
  calls: 0,
  registered: true,
});

function newestFirst(a: Agent, b: Agent): number {
  const [seenA, seenB] = [a.lastSeen ?? -1, b.lastSeen ?? -1];
  if (seenA !== seenB) return seenB - seenA;
  return Buffer.compare(Buffer.from(a.agentId), Buffer.from(b.agentId));
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
