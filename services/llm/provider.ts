/** Who served a call, as OpenTelemetry's `gen_ai.provider.name`: by host, else by its path or what the server's headers give away, else by dialect. */
import type { Headers } from '../http/exchange.ts';

/** By the end of the host's name; the first that fits. */
const HOSTS: readonly (readonly [suffix: string, provider: string])[] = [
  ['api.openai.com', 'openai'],
  ['chatgpt.com', 'openai'],
  ['api.anthropic.com', 'anthropic'],
  ['generativelanguage.googleapis.com', 'gcp.gemini'],
  ['aiplatform.googleapis.com', 'gcp.vertex_ai'],
  ['openai.azure.com', 'azure.ai.openai'],
  ['cognitiveservices.azure.com', 'azure.ai.openai'],
  ['services.ai.azure.com', 'azure.ai.inference'],
  ['amazonaws.com', 'aws.bedrock'],
  ['api.mistral.ai', 'mistral_ai'],
  ['api.groq.com', 'groq'],
  ['api.deepseek.com', 'deepseek'],
  ['api.x.ai', 'x_ai'],
  ['api.perplexity.ai', 'perplexity'],
  ['api.cohere.com', 'cohere'],
  ['api.cohere.ai', 'cohere'],
  ['api.moonshot.ai', 'moonshot_ai'],
  ['api.moonshot.cn', 'moonshot_ai'],
  ['ml.cloud.ibm.com', 'ibm.watsonx.ai'],
  ['openrouter.ai', 'openrouter'],
  ['api.together.xyz', 'together'],
  ['api.fireworks.ai', 'fireworks'],
  ['api.cerebras.ai', 'cerebras'],
  ['api.githubcopilot.com', 'github-copilot'],
];

/** A response header that only this provider sends. */
const EVIDENCE: readonly (readonly [header: string, provider: string])[] = [
  ['azureml-model-session', 'azure.ai.openai'],
  ['apim-request-id', 'azure.ai.openai'],
  ['x-groq-region', 'groq'],
  ['anthropic-organization-id', 'anthropic'],
  ['anthropic-ratelimit-requests-limit', 'anthropic'],
  ['openai-organization', 'openai'],
  ['openai-processing-ms', 'openai'],
  ['x-gemini-service-tier', 'gcp.gemini'],
];

/** A path that only this provider has. */
const PATHS: readonly (readonly [path: RegExp, provider: string])[] = [
  [/\/model\/[^/]+\/(converse|invoke)(-with-response)?(-stream)?$/, 'aws.bedrock'],
  [/\/projects\/[^/]+\/locations\/[^/]+\//, 'gcp.vertex_ai'],
  [/\/openai\/deployments\//, 'azure.ai.openai'],
];

/** Our names → those of the price list. */
const PRICE_LIST: Readonly<Record<string, string>> = {
  'gcp.gemini': 'google',
  'gcp.vertex_ai': 'google',
  'azure.ai.openai': 'azure',
  'azure.ai.inference': 'azure',
  'aws.bedrock': 'aws',
  mistral_ai: 'mistral',
  x_ai: 'x-ai',
  moonshot_ai: 'moonshotai',
};

function byHost(host: string): string {
  const colon = host.lastIndexOf(':');
  const name = (colon > 0 && !host.endsWith(']') ? host.slice(0, colon) : host).toLowerCase();
  for (const [suffix, provider] of HOSTS) {
    if (!name.endsWith(suffix)) continue;
    const before = name.length - suffix.length;
    if (before === 0 || name[before - 1] === '.' || name[before - 1] === '-') return provider;
  }
  return '';
}

export function providerOf(host: string, response: Headers | null, vendor: string, path = ''): string {
  const known = byHost(host);
  if (known !== '') return known;
  for (const [pattern, provider] of PATHS) if (pattern.test(path)) return provider;
  if (response !== null) for (const [header, provider] of EVIDENCE) if (response.has(header)) return provider;
  return vendor;
}

/** The provider's id in the price list. */
export function priceListId(provider: string): string {
  return PRICE_LIST[provider] ?? provider;
}
