/** What a perfect observer knows of a reply, by how much of it was sent. */
import type { Dialect, Reply, StreamEvent } from '../dialects/dialect.ts';
import type { CallFacts, Value } from '../manifest.ts';

export interface Known {
  readonly facts: Partial<CallFacts>;
  readonly either: Readonly<Record<string, readonly Value[]>>;
}

const NO_USAGE = {
  input_tokens: null,
  cache_read_tokens: null,
  cache_write_tokens: null,
  output_tokens: null,
  reasoning_tokens: null,
  usage_source: 'none',
} as const;

const NO_TOOLS = { tool_names: [], tool_call_ids: [] } as const;

/** Nothing of the model's own words was seen. */
export function knownOfNothing(reply: Reply | null): Known {
  return {
    facts: { model: '', response_id: '', finish_reason: '', ...NO_USAGE, ...NO_TOOLS },
    either: {
      finish_reason: ['error', 'other'],
      ...(reply === null ? {} : { model: [reply.model], response_id: [reply.id] }),
    },
  };
}

const namesOf = ({ tells }: Dialect, reply: Reply): Pick<CallFacts, 'model' | 'response_id'> => ({
  model: tells.model ? reply.model : '',
  response_id: tells.id ? reply.id : '',
});

export function knownOfWhole(dialect: Dialect, reply: Reply): Known {
  const { usage } = reply;
  const { tells } = dialect;
  const told = {
    input_tokens: usage.input,
    cache_read_tokens: tells.cacheRead ? usage.cacheRead : null,
    cache_write_tokens: tells.cacheWrite ? usage.cacheWrite : null,
    output_tokens: usage.output,
    reasoning_tokens: tells.reasoning ? usage.reasoning : null,
    usage_source: 'reported',
  };
  return {
    facts: {
      ...namesOf(dialect, reply),
      finish_reason: dialect.toldAs[reply.finish] ?? reply.finish,
      ...(reply.tellUsage ? told : NO_USAGE),
      tool_names: reply.toolCalls.map((call) => call.name),
      tool_call_ids: reply.toolCalls.map((call) => call.id),
    },
    either: {},
  };
}

interface GeminiUsage {
  readonly promptTokenCount: number;
  readonly candidatesTokenCount: number;
  readonly cachedContentTokenCount?: number;
  readonly thoughtsTokenCount?: number;
}

interface GeminiEvent {
  readonly usageMetadata: GeminiUsage;
}

/** The stream was left after `events`, before the reply's end. All APIs that name model and id do it in their first event. */
export function knownOfPart(dialect: Dialect, reply: Reply, events: readonly StreamEvent[]): Known {
  const names = { ...namesOf(dialect, reply), finish_reason: '', ...NO_TOOLS };
  const either = { finish_reason: ['error', 'other'] };
  if (dialect.name.startsWith('anthropic.')) {
    const { input, cacheRead, cacheWrite } = reply.usage;
    return {
      facts: {
        ...names,
        input_tokens: input,
        cache_read_tokens: cacheRead,
        cache_write_tokens: cacheWrite,
        output_tokens: 1,
        reasoning_tokens: null,
        usage_source: 'reported',
      },
      either: { ...either, output_tokens: [null] },
    };
  }
  if (dialect.name.startsWith('gemini.')) {
    const event = JSON.parse(events.at(-1)!.data) as GeminiEvent & { readonly response?: GeminiEvent };
    const { usageMetadata: last } = event.response ?? event;
    const reasoning = last.thoughtsTokenCount ?? 0;
    return {
      facts: {
        ...names,
        input_tokens: last.promptTokenCount,
        cache_read_tokens: last.cachedContentTokenCount ?? 0,
        cache_write_tokens: null,
        output_tokens: last.candidatesTokenCount + reasoning,
        reasoning_tokens: reasoning,
        usage_source: 'reported',
      },
      either,
    };
  }
  return { facts: { ...names, ...NO_USAGE }, either };
}
