import { hash } from 'node:crypto';
import type { CallId, ContentHash } from '../common/types.ts';
import type { Exchange } from '../http/exchange.ts';

const HEX_DIGITS = 32;

/** The first 128 bits of the SHA-256 of `bytes`, in hex. */
export function contentHash(bytes: Buffer | string): ContentHash {
  return hash('sha256', bytes, 'hex').slice(0, HEX_DIGITS) as ContentHash;
}

/** Deterministic, so that a replay gives the same id. `side`: whose stream `offset` counts. */
export function callId(connection: string, side: 'client' | 'server', offset: number): CallId {
  return hash('sha256', `${connection}:${side}:${offset}`, 'hex').slice(0, HEX_DIGITS) as CallId;
}

/** By where its request begins, or its response when no request was seen. */
export function exchangeId({ connection, requestHead, offset, offsetSide }: Exchange): CallId {
  return callId(connection.id, offsetSide ?? (requestHead === null ? 'server' : 'client'), offset);
}

/** Of the execution that the JSON-RPC request with this id (JSON text) in the exchange at `offset` asked for. */
export function executionId(connection: string, offset: number, rpcId: string): CallId {
  return hash('sha256', `${connection}:tool:${offset}:${rpcId}`, 'hex').slice(0, HEX_DIGITS) as CallId;
}
