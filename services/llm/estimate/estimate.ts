/**
 * Token counts of a call that tells none: self-hosted servers, streams that weren't asked for their usage, answers that broke
 * off. The texts of request and answer are counted; what a server puts between them (roles, the template of its model) is
 * counted by message. Pictures and sound aren't counted.
 */

import { contentHash } from '../../common/hash.ts';
import { asArray, asObject, parseJson } from '../../common/json.ts';
import type { Dialect, ResponseFacts, Usage } from '../dialects/dialect.ts';
import { scanRequest } from '../json/scan.ts';
import { Lru } from '../lru.ts';
import { type Family, familyOf } from './families.ts';
import { countTokens } from './tokenizer.ts';

/** Tokens around each message, as OpenAI's chat format has them; other templates differ little. */
const MESSAGE_TOKENS = 4;
/** Behind the last message, where the answer begins. */
const REPLY_TOKENS = 3;
/** Parts whose counts are kept: the next request brings them again. */
const KNOWN_MAX = 20_000;
/** Characters of one call that are counted; a longer one has its rest counted by the same measure. */
const CHARS_MAX = 4_000_000;
/** Members that are no text of the conversation. */
const NO_TEXT = new Set([
  'type',
  'role',
  'id',
  'tool_call_id',
  'cache_control',
  'signature',
  'encrypted_content',
  'media_type',
]);
/** Text that no model reads as text: base64 of pictures and sound. */
const MEDIA = /^(data:[^,]{0,100};base64,|[A-Za-z0-9+/=]{1000})/;
const REASONING = new Set(['reasoning_content', 'reasoning', 'thinking']);

function collect(value: unknown, into: string[], depth: number): void {
  if (depth > 50) return;
  if (typeof value === 'string') {
    if (!MEDIA.test(value)) into.push(value);
    return;
  }
  for (const item of asArray(value)) collect(item, into, depth + 1);
  for (const [key, item] of Object.entries(asObject(value) ?? {}))
    if (!NO_TEXT.has(key)) collect(item, into, depth + 1);
}

function reasoningIn(value: unknown, into: string[], depth: number): void {
  if (depth > 50) return;
  for (const item of asArray(value)) reasoningIn(item, into, depth + 1);
  for (const [key, item] of Object.entries(asObject(value) ?? {})) {
    if (REASONING.has(key) && typeof item === 'string') into.push(item);
    else reasoningIn(item, into, depth + 1);
  }
}

export class UsageEstimator {
  readonly #known = new Lru<string, number>(KNOWN_MAX);

  /**
   * `body`: of the request; empty when it wasn't seen to its end. `answer`: its text as it is stored. Never throws.
   */
  estimate(dialect: Dialect, model: string, body: Buffer, facts: ResponseFacts | null, answer: string): Usage {
    const family = familyOf(model);
    const input = body.length === 0 ? null : this.#input(dialect, body, family);
    const reasoning: string[] = [];
    reasoningIn(parseJson(answer), reasoning, 0);
    const thought = this.#tokens(reasoning.join(''), family);
    const said = facts === null ? '' : facts.text;
    const tools = (facts?.toolCalls ?? []).map((call) => `${call.name} ${call.arguments}`).join('\n');
    const output = this.#tokens(said, family) + this.#tokens(tools, family) + thought;
    return {
      input,
      cacheRead: null,
      cacheWrite: null,
      cacheWrite5m: null,
      cacheWrite1h: null,
      output: facts === null ? null : output,
      reasoning: thought === 0 ? null : thought,
    };
  }

  #input(dialect: Dialect, body: Buffer, family: Family): number | null {
    const { layout } = dialect.request;
    const { members, status } = scanRequest(body, layout, 50_000, null);
    if (status !== 'ok') return null;
    let tokens = REPLY_TOKENS + this.#tokens(family.preamble ?? '', family);
    for (const { kind, start, starts, ends } of members) {
      if (kind === null) continue;
      for (let i = 0; i < ends.length; i++) {
        const bytes = body.subarray(start + starts[i]!, start + ends[i]!);
        tokens += this.#part(bytes, kind === 'tool', family) + (kind === 'message' ? MESSAGE_TOKENS : 0);
      }
    }
    return tokens;
  }

  /** Definitions of tools are put before the model much as they stand; of messages only the texts are. */
  #part(bytes: Buffer, asWritten: boolean, family: Family): number {
    const key = `${family.encoding} ${family.ratio} ${contentHash(bytes)}`;
    let tokens = this.#known.get(key);
    if (tokens !== undefined) return tokens;
    const json = bytes.toString('utf8');
    const texts: string[] = [];
    if (!asWritten) collect(parseJson(json), texts, 0);
    tokens = this.#tokens(asWritten ? json : texts.join('\n'), family);
    this.#known.set(key, tokens);
    return tokens;
  }

  #tokens(text: string, { encoding, ratio }: Family): number {
    if (text === '') return 0;
    const counted = text.length > CHARS_MAX ? text.slice(0, CHARS_MAX) : text;
    return Math.round((countTokens(counted, encoding) * ratio * text.length) / counted.length);
  }
}
