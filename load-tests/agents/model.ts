/** The model of a play: answers each request with what its part says next, and keeps what it was asked as the truth. */
import type { CallKind } from '../../schemas/story.ts';
import type { Answer, Scenario, Script } from '../fake-llm/scenario.ts';
import type { SeenRequest } from '../fake-llm/seen-request.ts';
import { type AgentClient, endsOn, offeredTools, type Wanted } from './client.ts';
import { type Act, PART, type Play, type Say } from './play.ts';

/** What a request was, by the script. */
export interface Asked {
  readonly request: SeenRequest;
  /** '' = of a side call that names none. */
  readonly part: string;
  /** null = a step of the conversation. */
  readonly side: CallKind | null;
  /** What was answered; null to a side call. */
  readonly say: Say | null;
}

type Json = Readonly<Record<string, unknown>>;

function textsOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(textsOf).join('\n');
  const { text } = (value ?? {}) as Json;
  return typeof text === 'string' ? text : '';
}

/** The part that the last words in the user's name tell; '' = none does. */
export function partOf(request: SeenRequest): string {
  const { messages, input, contents } = request.body;
  const list = messages ?? input ?? contents;
  for (const message of (Array.isArray(list) ? (list as Json[]) : []).toReversed()) {
    if (message.role !== 'user') continue;
    const found = [...textsOf(message.content ?? message.parts).matchAll(PART)].at(-1);
    if (found !== undefined) return found[1]!;
  }
  return '';
}

export class Model {
  readonly asked: Asked[] = [];
  /** Of requests that fit no part: the play went another way. */
  readonly surprises: string[] = [];
  readonly #client: AgentClient;
  readonly #next = new Map<string, number>();
  #play: Play | null = null;
  #repo = '';

  constructor(client: AgentClient) {
    this.#client = client;
  }

  begin(play: Play, repo: string): void {
    this.#play = play;
    this.#repo = repo;
    this.#next.clear();
  }

  /** Parts that weren't played to their end. */
  unplayed(): string[] {
    return Object.keys(this.#play?.parts ?? {}).flatMap((part) => {
      const says = this.#partOf(part);
      const end = says.findIndex((say) => endsOn(this.#client, say));
      const wanted = end < 0 ? says.length : end + 1;
      const count = this.#next.get(part) ?? 0;
      return count < wanted ? [`part '${part}' came to request ${count} of ${wanted}`] : [];
    });
  }

  readonly script: Script = (request) => {
    const side = this.#client.side(request);
    const part = partOf(request);
    if (side !== null) {
      this.asked.push({ request, part, side, say: null });
      const text = this.#client.sideAnswer?.(side, request) ?? 'Files were looked at.';
      return { kind: 'answer', answer: { text } };
    }
    const count = this.#next.get(part) ?? 0;
    const say = this.#partOf(part)[count] ?? null;
    this.#next.set(part, count + 1);
    this.asked.push({ request, part, side, say });
    if (say === null) this.surprises.push(`request ${count + 1} of part '${part}' isn't in the play`);
    return this.#scenario(say ?? { say: 'text', text: 'That is all.' }, request);
  };

  #partOf(part: string): readonly Say[] {
    const said = this.#play?.parts[part] ?? [];
    if (this.#client.awaits !== true) return said;
    return said.flatMap((say) => {
      const delegates = say.say === 'act' ? say.acts.filter((act) => act.do === 'delegate') : [];
      return [say, ...delegates.map((_, nth): Say => ({ say: 'act', acts: [{ do: 'await', nth }] }))];
    });
  }

  #scenario(say: Say, request: SeenRequest): Scenario {
    switch (say.say) {
      case 'text':
        return { kind: 'answer', answer: this.#final(say.text, request) };
      case 'act':
        return { kind: 'answer', answer: this.#acts(say, request) };
      case 'fail':
        return { kind: 'failure', failure: say.failure, message: 'Not now.', retryAfterMs: 50 };
      case 'cut':
        return {
          kind: 'abort',
          answer: { text: 'This is the beginning of an answer that is cut.' },
          events: say.events,
        };
    }
  }

  #final(text: string, request: SeenRequest): Answer {
    const tool = this.#client.finish?.(text);
    if (tool === undefined || !offeredTools(request).includes(tool.name)) return { text };
    return { toolCalls: [called(tool)] };
  }

  #acts({ acts, fills }: Extract<Say, { say: 'act' }>, request: SeenRequest): Answer {
    const inputTokens = fills === true ? this.#client.fullTokens : undefined;
    const toolCalls = acts.map((act) => this.#use(act, request));
    return inputTokens === undefined ? { toolCalls } : { toolCalls, inputTokens };
  }

  #use(act: Act, request: SeenRequest): ReturnType<typeof called> {
    const tool = this.#client.use(act, this.#repo, request);
    const offered = offeredTools(request);
    if (tool === null || !offered.includes(tool.name))
      this.surprises.push(`no tool to ${act.do} (${tool?.name}) among ${offered.join(', ')}`);
    return called(tool ?? { name: 'missing', arguments: {} });
  }
}

function called({ name, namespace, arguments: args }: Wanted) {
  return { name, arguments: JSON.stringify(args), ...(namespace === undefined ? {} : { namespace }) };
}
