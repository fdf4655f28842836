/** A real agent: how it is installed and started, and what it calls the tools that a play wants used. One file a client. */
import type { CallKind } from '../../schemas/story.ts';
import type { SeenRequest } from '../fake-llm/seen-request.ts';
import type { Act, Say } from './play.ts';

/** Where a run happens. */
export interface Place {
  /** Of the installed client. */
  readonly folder: string;
  readonly home: string;
  /** A small git repository: the working folder. */
  readonly repo: string;
  /** `http://127.0.0.1:PORT` of the model. */
  readonly url: string;
}

export interface Start {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Wanted {
  readonly name: string;
  readonly namespace?: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export interface AgentClient {
  /** Of its folder, and of `--only`. */
  readonly name: string;
  readonly from: 'npm' | 'pypi';
  readonly package: string;
  readonly version: string;
  /** What Bittern ought to call it; '' = nothing tells. */
  readonly agentId: string;
  /** Writes its configuration into an empty home. */
  prepare?(place: Place): void;
  /** A command that has to run before the first run. */
  setUp?(place: Place): Start;
  start(place: Place, prompt: string, resumes: boolean): Start;
  /** Its own words for summing up the history, given as a prompt; absent: it has none that a script can give. */
  readonly compact?: string;
  /** Its tool for this; null: it has none. */
  use(act: Act, repo: string, request: SeenRequest): Wanted | null;
  /** Its model has to ask for each subagent's result. */
  readonly awaits?: boolean;
  /** Input tokens at which it sums up the history by itself; absent: it doesn't, or at none that it tells. */
  readonly fullTokens?: number;
  /** Results of its shell don't tell that a command failed. */
  readonly hidesExits?: boolean;
  /** After an answer that was cut: `retries` with the same request, `continues` with a request that holds what came, or `ends`. */
  /** After a 429: `ends` where it never tries again. */
  readonly afterLimit?: 'ends';
  readonly afterCut: 'retries' | 'continues' | 'ends';
  /** Tool that it wants called when it is done; the words of the final answer go there. */
  finish?(text: string): Wanted;
  /** What a request is for that is no step of the conversation; null = it is one. */
  side(request: SeenRequest): CallKind | null;
  /** What the model answers to such a call; a short text unless told. */
  sideAnswer?(kind: CallKind, request: SeenRequest): string;
  /** Plays that it can't take part in, and why. */
  readonly cannot?: Readonly<Record<string, string>>;
}

/** Whether the client's run ends with this, for all that the part goes on. */
export function endsOn(client: AgentClient, say: Say): boolean {
  if (say.say === 'cut') return client.afterCut === 'ends';
  return say.say === 'fail' && say.failure === 'rate_limited' && client.afterLimit === 'ends';
}

export function offeredTools(request: SeenRequest): readonly string[] {
  const names = (list: unknown): string[] =>
    (Array.isArray(list) ? (list as Record<string, unknown>[]) : []).flatMap((tool) => [
      ...(typeof tool.name === 'string' ? [tool.name] : []),
      ...names(tool.functionDeclarations ?? tool.tools),
      ...(typeof tool.function === 'object' && tool.function !== null ? names([tool.function]) : []),
    ]);
  return names(request.body.tools);
}
