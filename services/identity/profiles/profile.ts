/**
 * What is known of one client program: how it names itself, and what its requests tell of agent, session, thread and turn. One file
 * a client, listed in `index.ts`. Facts are read, never guessed: what a client doesn't tell stays empty.
 */
import type { CallKind } from '../../../schemas/story.ts';
import type { Headers } from '../../http/exchange.ts';

/** What a profile may look at. Texts are their beginnings. */
export interface ProfileInput {
  readonly headers: Headers;
  /** Members of the request outside its lists. */
  readonly body: { readonly [key: string]: unknown };
  readonly dialect: string;
  readonly offeredTools: readonly string[];
  /** Beginning of the system prompt. */
  readonly systemText: string;
  /** Beginning of the last text in the user's name, whoever wrote it. */
  readonly note: string;
  readonly firstUserText: string;
}

/** '' or absent = not told. */
export interface ProfileFacts {
  readonly sessionId?: string;
  /** Names the thread within the session. */
  readonly thread?: string;
  readonly parentThread?: string;
  readonly parentSessionId?: string;
  /** The client's own id of the turn; subagents name their root's. */
  readonly turn?: string;
  readonly kind?: CallKind;
}

export interface ClientProfile {
  /** Product name: `calls.agent_id` when nothing better is told. */
  readonly name: string;
  /** First words of the user agent, lower case. */
  readonly userAgents: readonly string[];
  /** Recognises the client where its user agent is that of an SDK or a gateway. */
  claims?(input: ProfileInput): boolean;
  read?(input: ProfileInput): ProfileFacts;
}

export function header(input: ProfileInput, name: string): string {
  return input.headers.get(name) ?? '';
}

/** Agents offer tools in every step of their loop: a call without is beside it. */
export function sideUnlessTools(input: ProfileInput, kind: CallKind): CallKind {
  return input.offeredTools.length === 0 ? kind : 'main';
}
