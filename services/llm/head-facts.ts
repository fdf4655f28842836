/**
 * What a server tells in its answer's head, whatever the body says. Token counts:
 *
 *     Bedrock                     x-amzn-bedrock-input-token-count, -output-token-count, -cache-read-input-token-count …
 *     Text Generation Inference   x-prompt-tokens, x-generated-tokens
 */
import type { Headers } from '../http/exchange.ts';
import type { Usage } from './dialects/dialect.ts';

function count(headers: Headers, name: string): number | null {
  const value = headers.get(name);
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : null;
}

/** Null when it tells none. Bedrock's cached tokens come on top of the input and are added. */
export function usageOfHeaders(headers: Headers): Usage | null {
  const input = count(headers, 'x-amzn-bedrock-input-token-count') ?? count(headers, 'x-prompt-tokens');
  const output = count(headers, 'x-amzn-bedrock-output-token-count') ?? count(headers, 'x-generated-tokens');
  if (input === null && output === null) return null;
  const cacheRead = count(headers, 'x-amzn-bedrock-cache-read-input-token-count');
  const cacheWrite = count(headers, 'x-amzn-bedrock-cache-write-input-token-count');
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

/** AWS has it there: `ThrottlingException:http://…`. */
export function errorTypeOfHeaders(headers: Headers): string {
  return /^[\w.#-]{1,100}/.exec(headers.get('x-amzn-errortype') ?? '')?.[0] ?? '';
}
