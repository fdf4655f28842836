/** Who calls which server, and what software that is: the view service_map for programs. */
import type { Micros } from '../common/types.ts';
import { ask, QUERY_DEFAULTS } from './queries.ts';
import type { Store } from './store.ts';

export interface ServiceEdge {
  readonly network: string;
  readonly clientIp: string;
  readonly agentId: string;
  readonly serverIp: string;
  readonly serverPort: number;
  readonly host: string;
  /** 1: calls of clients; 2: what a gateway called for them. */
  readonly hop: number;
  /** '' when nothing tells. */
  readonly software: string;
  /** `SOFTWARE: what tells it (N calls)`; the first is what `software` was read from. */
  readonly evidence: readonly string[];
  readonly otherSoftware: readonly string[];
  readonly providers: readonly string[];
  readonly dialects: readonly string[];
  readonly models: readonly string[];
  /** `ADDRESS:PORT` of the second hops of these calls. */
  readonly forwardsTo: readonly string[];
  readonly calls: number;
  readonly errors: number;
  readonly firstSeen: Micros;
  readonly lastSeen: Micros;
}

/** The edges of the map, those with the most calls first, at most `limit` (1,000). */
export function serviceMap(store: Pick<Store, 'client'>, limit: number): Promise<ServiceEdge[]> {
  return ask<ServiceEdge>(
    store,
    `SELECT network, client_ip AS clientIp, agent_id AS agentId, server_ip AS serverIp, server_port AS serverPort, host, hop, software, evidence,
      other_software AS otherSoftware, providers, dialects, models, forwards_to AS forwardsTo, calls, errors,
      toUnixTimestamp64Micro(first_seen) AS firstSeen, toUnixTimestamp64Micro(last_seen) AS lastSeen
     FROM service_map ORDER BY hop, calls DESC, client_ip, agent_id, server_ip, server_port, host LIMIT {limit:UInt32}`,
    { limit: Math.min(Math.max(1, limit), QUERY_DEFAULTS.listLimitMax) },
  );
}
