/** Where a call stands in its conversation, as far as it tells that itself: session, thread, turn, step, tool results. */
import type { IdentitySource } from '../../schemas/call.ts';
import type { CallStory } from '../../schemas/story.ts';
import type { Exchange, Headers } from '../http/exchange.ts';
import type { Attribution } from '../identity/attribution.ts';
import { profileOf } from '../identity/profiles/index.ts';
import type { ProfileFacts, ProfileInput } from '../identity/profiles/profile.ts';
import type { Answer } from './answer-reader.ts';
import { summaryIn } from './client-texts.ts';
import {
  answerKeyOf,
  EMPTY_HISTORY,
  type HistoryState,
  hashOf,
  hashOfList,
  type ResultFacts,
  resultsIn,
} from './conversation.ts';
import type { Dialect } from './dialects/dialect.ts';
import { argumentsHash, handedPromptHash, looseTextHash, textHash } from './dialects/history.ts';
import type { RequestFacts } from './request-facts.ts';

/** The story's facts, and what they add to the attribution. */
export interface PlacedCall {
  readonly story: CallStory;
  readonly agentId: string;
  readonly identitySource: IdentitySource;
  readonly sessionId: string;
  readonly sessionSource: IdentitySource;
  readonly turnId: string;
  /** The client names its thread: its id is no hash of texts. */
  readonly threadTold: boolean;
}

export interface PlacingParts {
  readonly exchange: Exchange;
  readonly dialect: Dialect;
  readonly request: RequestFacts | null;
  readonly answer: Answer | null;
}

const UPSTREAM_REQUEST_ID = ['llm_provider-request-id', 'llm_provider-x-request-id', 'x-upstream-request-id'] as const;
const RETRY_COUNT = 'x-stainless-retry-count';
const ID_CHARS_MAX = 256;

function profileInput(parts: PlacingParts, headers: Headers, history: HistoryState): ProfileInput {
  const { request, dialect } = parts;
  return {
    headers,
    body: request?.body ?? {},
    dialect: dialect.name,
    offeredTools: request?.offeredTools ?? [],
    systemText: request?.systemText ?? '',
    note: history.note,
    firstUserText: history.firstUserPreview,
  };
}

/** Equal in the first call of a conversation, whose answer has the key, and in all later ones, whose history has it. */
function anchorOf(parts: PlacingParts, history: HistoryState): string {
  if (history.anchor !== '') return history.anchor;
  const facts = parts.answer?.facts;
  const keepsIds = parts.dialect.history?.keepsIds ?? false;
  return facts == null ? '' : answerKeyOf(facts.toolCalls[0], facts.text, keepsIds);
}

interface Place {
  readonly sessionId: string;
  readonly sessionSource: IdentitySource;
  readonly threadId: string;
  readonly turnId: string;
  readonly threadTold: boolean;
}

const NOWHERE: Place = { sessionId: '', sessionSource: '', threadId: '', turnId: '', threadTold: false };

/** Told ids first; else how the conversation began, and who spoke. */
function placeOf(
  parts: PlacingParts,
  who: Attribution,
  agentId: string,
  told: ProfileFacts,
  history: HistoryState,
): Place {
  const { connection } = parts.exchange;
  const anchor = anchorOf(parts, history);
  // After a compaction only a summary stands there, in the user's name.
  const began = history.firstUserHash !== '' || history.anchor !== '' || history.openingHash !== '';
  const isChained = (parts.request?.fields.previousResponseId ?? '') !== '';
  let { sessionId, sessionSource } = who;
  if (told.sessionId && sessionSource !== 'header' && told.sessionId !== sessionId) {
    sessionId = told.sessionId.slice(0, ID_CHARS_MAX);
    sessionSource = 'client_profile';
  }
  if (sessionId === '') {
    // A chained request brings what is new only: its conversation is that of the response it names.
    if (!began || isChained) return NOWHERE;
    const speaker = [connection.network, connection.client.address, agentId || who.client.name, who.credential];
    sessionId = hashOf('session', ...speaker, history.firstUserHash, anchor);
    sessionSource = 'content';
  }
  const named = told.thread ?? '';
  if (named === '' && (!began || isChained)) return { ...NOWHERE, sessionId, sessionSource };
  const threadId = hashOf('thread', sessionId, named || `${history.firstUserHash} ${anchor}`);
  const place = { sessionId, sessionSource, threadId, threadTold: named !== '' };
  const turn = told.turn ?? '';
  if (turn !== '') return { ...place, turnId: hashOf('turn', sessionId, turn) };
  const hasUser = history.users > 0 && !isChained;
  return { ...place, turnId: hasUser ? hashOf('turn', threadId, history.usersHash) : '' };
}

function resultsOf(history: HistoryState, splitsAnswers: boolean): readonly ResultFacts[] {
  const results = resultsIn(history.results);
  return splitsAnswers ? [...resultsIn(history.earlierResults), ...results] : results;
}

function stepOf(history: HistoryState, kind: string, previousResponseId: string): string {
  if (history === EMPTY_HISTORY) return '';
  const parts = ['step', kind, previousResponseId, history.usersHash, history.anchor, history.answerKey];
  // There may be more than a call has arguments.
  for (const { id, hash } of resultsIn(history.results)) parts.push(id, hash);
  return hashOfList(parts);
}

function retryCountOf(headers: Headers): number {
  const count = Number(headers.get(RETRY_COUNT) ?? 0);
  return Number.isSafeInteger(count) && count > 0 ? Math.min(count, 0xffff) : 0;
}

function upstreamRequestIdOf(headers: Headers | undefined): string {
  for (const name of UPSTREAM_REQUEST_ID) {
    const id = headers?.get(name);
    if (id !== undefined && id !== '') return id.slice(0, ID_CHARS_MAX);
  }
  return '';
}

const NO_REQUEST_HEADERS: Headers = new Map();

/** `content` false: hashes and flags, no texts. */
export function placeCall(parts: PlacingParts, who: Attribution, content: boolean): PlacedCall {
  const { exchange, dialect, request, answer } = parts;
  const headers = exchange.requestHead?.headers ?? NO_REQUEST_HEADERS;
  const history = request?.history ?? EMPTY_HISTORY;
  const input = profileInput(parts, headers, history);
  const profile = profileOf(who.client.isAgent ? who.client.name : '', input);
  const told = profile?.read?.(input) ?? {};
  const named = who.agentId !== '' && who.identitySource !== 'process';
  const agentId = named || profile === null ? who.agentId : profile.name;
  const place = placeOf(parts, who, agentId, told, history);
  const kind = dialect.history === undefined ? '' : (told.kind ?? 'main');
  const isStory = kind === 'main' || kind === 'subagent' || kind === 'compaction';
  const results = resultsOf(history, dialect.history?.splitsAnswers ?? false);
  const toolCalls = answer?.facts?.toolCalls ?? [];
  const text = answer?.facts?.text ?? '';
  return {
    agentId,
    identitySource: named || profile === null ? who.identitySource : 'client_profile',
    sessionId: place.sessionId,
    sessionSource: place.sessionSource,
    turnId: isStory ? place.turnId : '',
    threadTold: place.threadTold,
    story: {
      callKind: kind,
      threadId: place.threadId,
      parentSessionId: (told.parentSessionId ?? '').slice(0, ID_CHARS_MAX),
      parentThreadId: told.parentThread ? hashOf('thread', place.sessionId, told.parentThread) : '',
      userMessageCount: history.users,
      promptHash: history.lastUserHash,
      threadPromptHash: history.firstUserHash,
      openingHash: history.openingHash,
      stepId: stepOf(history, kind, request?.fields.previousResponseId ?? ''),
      answerHash: looseTextHash(text),
      answerTextHash: textHash(summaryIn(text)),
      toolArgumentHashes: toolCalls.map((call) => argumentsHash(call.arguments)),
      toolPromptHashes: toolCalls.map((call) => handedPromptHash(call.arguments)),
      toolResultIds: results.map((result) => result.id),
      toolResultNames: results.map((result) => result.name),
      toolResultHashes: results.map((result) => result.hash),
      toolResultErrors: results.map((result) => result.isError),
      toolResultAgents: results.map((result) => result.agent),
      toolResultPreviews: content ? results.map((result) => result.preview) : [],
      retryCount: retryCountOf(headers),
      upstreamRequestId: upstreamRequestIdOf(exchange.responseHead?.headers),
    },
  };
}
