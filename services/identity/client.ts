/**
 * The client program of a request: an agent product, an SDK or a bare HTTP library, by its user agent and SDK headers.
 * A product names the agent; an SDK doesn't, since every program that is built on it sends the same.
 */
import type { Headers } from '../http/exchange.ts';
import { PROFILES } from './profiles/index.ts';

export interface Client {
  /** Product, else SDK, else the first word of the user agent; '' without one. */
  readonly name: string;
  readonly version: string;
  /** `NAME/VERSION` of the SDK; '' when not told. */
  readonly sdk: string;
  /** True: a known agent product. */
  readonly isAgent: boolean;
}

/** Products without a profile of their own: first words of the user agent (lower case) → product. */
const OTHER_PRODUCTS: Readonly<Record<string, string>> = {
  roocode: 'roo-code',
  'kilo-code': 'kilo-code',
  crush: 'crush',
  'mistral-vibe': 'mistral-vibe',
  'mini-swe-agent': 'mini-swe-agent',
};

const PRODUCTS: ReadonlyMap<string, string> = new Map([
  ...Object.entries(OTHER_PRODUCTS),
  ...PROFILES.flatMap(({ name, userAgents }) => userAgents.map((word): [string, string] => [word, name])),
]);

/** SDKs whose user agent is `VENDOR/LANGUAGE VERSION`. */
const VENDORS: Readonly<Record<string, string>> = {
  openai: 'openai',
  asyncopenai: 'openai',
  azureopenai: 'openai',
  asyncazureopenai: 'openai',
  anthropic: 'anthropic',
  asyncanthropic: 'anthropic',
};

const NO_CLIENT: Client = { name: '', version: '', sdk: '', isAgent: false };
/** User agents repeat; what was read of one is kept. Emptied when full. */
const KNOWN_MAX = 4096;
const known = new Map<string, Client>();
/** Longer user agents are cut: nothing of use comes so late. */
const USER_AGENT_CHARS_MAX = 512;

interface Word {
  readonly name: string;
  readonly version: string;
}

function wordOf(text: string): Word {
  const slash = text.indexOf('/');
  return slash < 0 ? { name: text, version: '' } : { name: text.slice(0, slash), version: text.slice(slash + 1) };
}

function read(userAgent: string): Client {
  const words = userAgent.slice(0, USER_AGENT_CHARS_MAX).split(' ');
  const first = wordOf(words[0]!);
  const lower = first.name.toLowerCase();
  const product = PRODUCTS.get(lower) ?? '';
  if (product !== '') {
    // Behind the version some put more: `GeminiCLI-tui/0.61.0/MODEL`.
    const version = first.version.split('/')[0]!;
    return { name: product, version, sdk: sdkAmong(words.slice(1)), isAgent: true };
  }
  const vendor = Object.hasOwn(VENDORS, lower) ? VENDORS[lower]! : '';
  if (vendor !== '' && first.version !== '' && words.length > 1) {
    const name = `${vendor}-${first.version.toLowerCase()}`;
    return { name, version: words[1]!, sdk: `${name}/${words[1]!}`, isAgent: false };
  }
  if (lower === 'ai-sdk') return fromAiSdk(first.version);
  const sdk = lower.endsWith('sdk') || lower === 'litellm' ? `${first.name}/${first.version}` : '';
  return { name: first.name, version: first.version, sdk, isAgent: false };
}

/** `ai-sdk/openai-compatible/1.2.3` */
function fromAiSdk(rest: string): Client {
  const slash = rest.lastIndexOf('/');
  const name = slash < 0 ? 'ai-sdk' : `ai-sdk-${rest.slice(0, slash)}`;
  const version = slash < 0 ? rest : rest.slice(slash + 1);
  return { name, version, sdk: `${name}/${version}`, isAgent: false };
}

function sdkAmong(words: readonly string[]): string {
  for (const word of words) if (word.startsWith('ai-sdk/')) return fromAiSdk(word.slice('ai-sdk/'.length)).sdk;
  return '';
}

/** SDKs made by Stainless tell themselves in headers, also below a product that has its own user agent. */
function sdkOfHeaders(headers: Headers): string {
  const version = headers.get('x-stainless-package-version');
  if (version !== undefined) {
    const vendor = headers.has('anthropic-version') ? 'anthropic' : 'openai';
    return `${vendor}-${headers.get('x-stainless-lang') ?? ''}/${version}`;
  }
  const google = headers.get('x-goog-api-client');
  return google === undefined ? '' : google.split(' ')[0]!;
}

export function clientOf(headers: Headers): Client {
  const userAgent = headers.get('user-agent') ?? '';
  let client = NO_CLIENT;
  if (userAgent !== '') {
    client = known.get(userAgent) ?? NO_CLIENT;
    if (client === NO_CLIENT) {
      client = read(userAgent);
      if (known.size >= KNOWN_MAX) known.clear();
      known.set(userAgent, client);
    }
  }
  if (client.sdk !== '') return client;
  const sdk = sdkOfHeaders(headers);
  if (sdk === '') return client;
  if (client.name !== '') return { ...client, sdk };
  const { name, version } = wordOf(sdk);
  return { name, version, sdk, isAgent: false };
}
