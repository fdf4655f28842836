/** Which gateway answered, by response headers that only it sends. Named are the headers, never their values. */
import type { Headers } from '../http/exchange.ts';

/** The first that a response has; those that know of LLM calls before those that pass on anything. */
const TELLING: readonly (readonly [header: string, gateway: string])[] = [
  ['x-litellm-call-id', 'litellm'],
  ['x-litellm-version', 'litellm'],
  ['llm_provider-request-id', 'litellm'],
  ['llm_provider-x-request-id', 'litellm'],
  ['x-portkey-trace-id', 'portkey'],
  ['helicone-id', 'helicone'],
  ['cf-aig-log-id', 'cloudflare-ai-gateway'],
  ['x-kong-upstream-latency', 'kong'],
  ['x-kong-proxy-latency', 'kong'],
  ['x-envoy-upstream-service-time', 'envoy'],
];

/** '' when no header tells. */
export function gatewayOf(response: Headers | undefined): string {
  if (response !== undefined) for (const [header, gateway] of TELLING) if (response.has(header)) return gateway;
  return '';
}
