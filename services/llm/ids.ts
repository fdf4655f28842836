/** Ids of what is stored. Deterministic: a replay gives the same. */
import { contentHash } from '../common/hash.ts';
import type { CallId } from '../common/types.ts';
import type { Exchange } from '../http/exchange.ts';

/** `side`: whose stream `offset` counts. */
export function callId(connection: string, side: 'client' | 'server', offset: number): CallId {
  return contentHash(`${connection}:${side}:${offset}`) as string as CallId;
}

/** By where its request begins, or its response when no request was seen. */
export function exchangeId({ connection, requestHead, offset, offsetSide }: Exchange): CallId {
  return callId(connection.id, offsetSide ?? (requestHead === null ? 'server' : 'client'), offset);
}

/** Of the execution that the JSON-RPC request with this id (JSON text) in the exchange at `offset` asked for. */
export function executionId(connection: string, offset: number, rpcId: string): CallId {
  return contentHash(`${connection}:tool:${offset}:${rpcId}`) as string as CallId;
}
