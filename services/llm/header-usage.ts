/** Token counts that a server tells in its answer's head: Bedrock does for each model, whatever the body says. */
import type { Headers } from '../http/exchange.ts';
import type { Usage } from './dialects/dialect.ts';

const PREFIX = 'x-amzn-bedrock-';

function count(headers: Headers, name: string): number | null {
  const value = headers.get(PREFIX + name);
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : null;
}

/** Null when it tells none. Cached tokens come on top of the input here and are added. */
export function usageOfHeaders(headers: Headers): Usage | null {
  const input = count(headers, 'input-token-count');
  const output = count(headers, 'output-token-count');
  if (input === null && output === null) return null;
  const cacheRead = count(headers, 'cache-read-input-token-count');
  const cacheWrite = count(headers, 'cache-write-input-token-count');
  return {
    input: input === null ? null : input + (cacheRead ?? 0) + (cacheWrite ?? 0),
    cacheRead,
    cacheWrite,
    cacheWrite5m: null,
    cacheWrite1h: null,
    output,
    reasoning: null,
  };
}
