/**
 * Headers whose values may be shown: what a program, a protocol or a gateway says about itself. None of them holds a text of a person,
 * a secret, an address of a person, or a hash of a body. What isn't named here is hidden.
 *
 * Sources: RFC 9110, RFC 9111, RFC 9113, W3C Trace Context, and the documentation and recorded traffic of providers, SDKs and gateways.
 */

const HTTP = `accept accept-charset accept-encoding accept-language accept-ranges age allow alt-svc cache-control connection
  content-encoding content-language content-length content-range content-type date dnt expect expires host keep-alive last-modified
  max-forwards origin pragma priority proxy-connection range referrer-policy retry-after server server-timing
  strict-transport-security te timing-allow-origin trailer transfer-encoding upgrade upgrade-insecure-requests user-agent vary via
  sec-websocket-accept sec-websocket-extensions sec-websocket-key sec-websocket-version
  access-control-allow-credentials access-control-allow-headers access-control-allow-methods access-control-allow-origin
  access-control-expose-headers access-control-max-age access-control-request-headers access-control-request-method
  x-content-type-options x-dns-prefetch-control x-download-options x-frame-options x-permitted-cross-domain-policies x-robots-tag
  x-xss-protection x-powered-by x-runtime x-response-time x-process-time x-accel-buffering`;

const ROUTES = `x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto x-forwarded-scheme x-original-host x-cache
  x-cache-hits x-served-by x-timer x-vercel-id x-vercel-cache cf-cache-status cf-ray x-envoy-attempt-count x-envoy-decorator-operation
  x-envoy-expected-rq-timeout-ms x-envoy-upstream-service-time x-kong-proxy-latency x-kong-request-id x-kong-response-latency
  x-kong-upstream-latency x-kong-upstream-status x-litellm-attempted-fallbacks x-litellm-attempted-retries x-litellm-call-id
  x-litellm-max-fallbacks x-litellm-max-retries x-litellm-model-group x-litellm-model-id x-litellm-overhead-duration-ms
  x-litellm-response-cost x-litellm-response-duration-ms x-litellm-timeout x-litellm-version x-portkey-cache-status
  x-portkey-last-used-option-index x-portkey-provider x-portkey-retry-attempt-count x-portkey-trace-id helicone-cache helicone-id
  helicone-status x-generation-id`;

const TRACES = `traceparent tracestate b3 x-b3-flags x-b3-parentspanid x-b3-sampled x-b3-spanid x-b3-traceid uber-trace-id
  x-amzn-trace-id x-cloud-trace-context x-datadog-origin x-datadog-parent-id x-datadog-sampling-priority x-datadog-trace-id
  sentry-trace apim-request-id nvcf-reqid nvcf-status request-id x-client-request-id x-correlation-id x-goog-request-id
  x-amzn-request-id x-amzn-requestid x-ms-client-request-id x-ms-request-id x-request-id`;

const CLIENTS = `amz-sdk-invocation-id amz-sdk-request anthropic-beta anthropic-dangerous-direct-browser-access
  anthropic-organization-id anthropic-version copilot-integration-id editor-plugin-version editor-version http-referer openai-beta
  openai-intent openai-organization openai-project openai-version originator referer version x-amz-date x-amz-target
  x-amz-user-agent x-app x-github-api-version x-goog-api-client x-goog-api-version x-initiator x-interaction-type
  x-title x-cline-version x-openrouter-title x-qwen-client`;

const PROVIDERS = `azureml-model-deployment azureml-model-group azureml-model-session openai-model openai-processing-ms x-aws-region
  x-compute-characters x-compute-time x-compute-type x-generated-tokens x-groq-region x-inference-time x-model-id x-ms-deployment-name
  x-ms-rai-invoked x-ms-region x-ms-served-model x-prompt-tokens x-queue-time x-should-retry x-time-per-token x-total-time
  x-total-tokens x-validation-time x-vertex-ai-llm-request-type x-vertex-ai-llm-shared-request-type x-amzn-errortype
  x-codex-primary-used-percent x-codex-primary-window-minutes x-codex-secondary-used-percent`;

const NAMES: ReadonlySet<string> = new Set(
  [HTTP, ROUTES, TRACES, CLIENTS, PROVIDERS].flatMap((names) => names.split(/\s+/)),
);

/** Families of names that one maker keeps to itself. */
const PREFIXES: readonly string[] = [
  'x-stainless-',
  'x-ratelimit-',
  'ratelimit-',
  'anthropic-ratelimit-',
  'x-amzn-bedrock-',
  'sec-fetch-',
  'sec-ch-ua',
  'fireworks-',
];

/** `name`: in lower case. */
export function isKnownHeader(name: string): boolean {
  return NAMES.has(name) || PREFIXES.some((prefix) => name.startsWith(prefix));
}
