/** Makes a whole reply of a scripted answer: ids, model, usage. The same answer to the same request has the same usage. */
import type { Finish, Reply, Usage } from '../dialects/dialect.ts';
import { DIALECTS } from '../dialects/index.ts';
import type { Answer } from './scenario.ts';
import type { SeenRequest } from './seen-request.ts';

/** Models are asked for by an alias and answer with their dated name. */
const DATED: Readonly<Record<string, string>> = {
  'claude-sonnet-4-5': 'claude-sonnet-4-5-20250929',
  'claude-haiku-4-5': 'claude-haiku-4-5-20251001',
  'gpt-4.1-mini': 'gpt-4.1-mini-2025-04-14',
  'gpt-5': 'gpt-5-2025-08-07',
  'gpt-5-mini': 'gpt-5-mini-2025-08-07',
};

export const datedModel = (model: string): string => DATED[model] ?? model;

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz';

/** Looks random, is a count: letters and digits of equal length. */
export function makeId(prefix: string, count: number): string {
  let state = (count + 1) * 2_654_435_761;
  let text = '';
  while (text.length < 22) {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + text.length + count) >>> 0;
    text += ALPHABET[state % ALPHABET.length];
  }
  return prefix + text;
}

function usageOf(request: SeenRequest, answer: Answer): Usage {
  const input = answer.inputTokens ?? Math.ceil(request.bodyBytes / 4);
  const known = request.history > 0 || request.round > 0;
  const reasoning = Math.ceil((answer.reasoning ?? '').length / 4);
  const told =
    (answer.text ?? '').length +
    (answer.toolCalls ?? []).reduce((sum, { arguments: text }) => sum + text.length + 20, 0);
  const { tells } = DIALECTS[request.dialect];
  return {
    input,
    cacheRead: known ? Math.floor(input * 0.8) : 0,
    cacheWrite: tells.cacheWrite ? Math.floor(input * 0.1) : 0,
    output: reasoning + Math.ceil(told / 4),
    reasoning,
  };
}

export function makeReply(request: SeenRequest, answer: Answer, count: number): Reply {
  const [idPrefix, toolPrefix] = DIALECTS[request.dialect].idPrefixes;
  const toolCalls = (answer.toolCalls ?? []).map((call, at) => ({ ...call, id: makeId(toolPrefix, count * 16 + at) }));
  const finish: Finish = answer.finish ?? (toolCalls.length > 0 ? 'tool_calls' : 'stop');
  return {
    id: makeId(idPrefix, count),
    model: datedModel(request.model),
    created: Math.floor(Date.now() / 1000),
    reasoning: answer.reasoning ?? '',
    text: answer.text ?? '',
    toolCalls,
    finish,
    usage: usageOf(request, answer),
    tellUsage: !/^openai\.(chat|completions)$/.test(request.dialect) || !request.streaming || request.includeUsage,
    interleaved: false,
  };
}

/** Words with the blank before them, as tokens come. */
export function cutWords(text: string): string[] {
  return text.match(/\s*\S+\s*$|\s*\S+/g) ?? [text];
}
