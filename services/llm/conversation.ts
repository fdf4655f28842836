/**
 * Where a request stands in its conversation, read from its own history. Each message is read once: what it tells is kept by
 * the hash of its bytes, and what a beginning of the list tells is kept beside that beginning (prefix-cache.ts), so that a
 * request costs what is new in it. The result doesn't depend on what is kept.
 */
import { hash } from 'node:crypto';
import { parseJson } from '../common/json.ts';
import { ownText } from '../common/text.ts';
import type { ContentHash } from '../common/types.ts';
import { genuineText, summaryIn } from './client-texts.ts';
import {
  type AskedTool,
  argumentsHash,
  bareId,
  type HistoryReader,
  namedAgent,
  resultFacts,
  textHash,
} from './dialects/history.ts';
import type { ScannedMember } from './json/scan.ts';
import type { Lru } from './lru.ts';
import { withoutReminders } from './reminders.ts';

export interface ResultFacts {
  readonly id: string;
  readonly name: string;
  readonly hash: string;
  readonly isError: boolean;
  readonly agent: string;
  readonly preview: string;
}

/** What one message tells. */
export interface MessageFacts {
  readonly speaker: 'user' | 'assistant' | 'tool' | 'system' | 'none';
  /** Of the genuine text; '' = none. */
  readonly userHash: string;
  readonly userPreview: string;
  /** Beginning of the last piece in the user's name, whoever wrote it. */
  readonly note: string;
  /** Of the first one that is more than a reminder; of its summary where it holds one. */
  readonly openingHash: string;
  /** What tells this answer from others: its first tool call, else its text. */
  readonly answerKey: string;
  readonly asksTool: boolean;
  readonly results: readonly ResultFacts[];
}

/** What a list of messages tells up to one of them. Never changed, so that lists share their beginnings' states. */
export interface HistoryState {
  readonly users: number;
  /** Of all genuine user texts so far, in order. */
  readonly usersHash: string;
  readonly firstUserHash: string;
  readonly firstUserPreview: string;
  readonly lastUserHash: string;
  readonly lastUserPreview: string;
  readonly note: string;
  /** Of the first text in the user's name, whoever wrote it. */
  readonly openingHash: string;
  /** Key of the first answer. */
  readonly anchor: string;
  readonly anchorAsksTool: boolean;
  /** False once something stands behind the first answer. */
  readonly anchorOpen: boolean;
  /** Key of the newest answer. */
  readonly answerKey: string;
  /** Results behind it, and those before it. */
  readonly results: ResultChain | null;
  readonly earlierResults: ResultChain | null;
}

/** Results of several messages, the newest first: a list of each state's own would grow with the square of their number. */
export interface ResultChain {
  readonly results: readonly ResultFacts[];
  readonly before: ResultChain | null;
}

/** In the order of the messages. */
export function resultsIn(chain: ResultChain | null): readonly ResultFacts[] {
  const messages: (readonly ResultFacts[])[] = [];
  for (let link = chain; link !== null; link = link.before) messages.push(link.results);
  return messages.length === 1 ? messages[0]! : messages.reverse().flat();
}

export const EMPTY_HISTORY: HistoryState = {
  users: 0,
  usersHash: '',
  firstUserHash: '',
  firstUserPreview: '',
  lastUserHash: '',
  lastUserPreview: '',
  note: '',
  openingHash: '',
  anchor: '',
  anchorAsksTool: false,
  anchorOpen: true,
  answerKey: '',
  results: null,
  earlierResults: null,
};

const NOTE_CHARS = 120;
/** Results of one message that are read; more belong to no agent that is known. */
const RESULTS_MAX = 256;

/** Hash of several texts, 32 hex digits. */
export function hashOf(...parts: readonly (string | number)[]): string {
  return hashOfList(parts);
}

export function hashOfList(parts: readonly (string | number)[]): string {
  return hash('sha256', parts.join('\0'), 'hex').slice(0, 32);
}

/** What tells an answer from others, equal in the answer itself and in the history of later requests. '' = nothing does. */
export function answerKeyOf(first: AskedTool | undefined, text: string, keepsIds: boolean): string {
  if (first === undefined) return textHash(text);
  const id = keepsIds ? bareId(first.id) : '';
  return id === '' ? hashOf(first.name, argumentsHash(first.arguments)) : id;
}

/** The first text that is more than a reminder. */
function openingOf(texts: readonly string[]): string {
  return texts.find((text) => withoutReminders(text) !== '') ?? '';
}

/** `preview`: the beginning of a text as it may be stored. */
function readMessage(reader: HistoryReader, json: unknown, preview: (text: string) => string): MessageFacts {
  const { speaker, userTexts, answerText, asked, results } = reader.message(json);
  const genuine = userTexts.map(genuineText).filter((text) => text !== '');
  const text = genuine.join('\n');
  const userHash = textHash(text);
  const opening = summaryIn(openingOf(userTexts));
  return {
    speaker,
    userHash,
    userPreview: preview(text),
    note: ownText(userTexts.at(-1) ?? '', NOTE_CHARS),
    openingHash: opening === text ? userHash : textHash(opening),
    answerKey: speaker === 'assistant' ? answerKeyOf(asked[0], answerText, reader.keepsIds) : '',
    asksTool: asked.length > 0,
    results: results.slice(0, RESULTS_MAX).map((result) => ({
      id: result.id,
      name: result.name,
      ...resultFacts(result),
      agent: namedAgent(result.text),
      preview: preview(result.text),
    })),
  };
}

/** One literal: the state of each message has the same shape. */
function behindAnswer(state: HistoryState, facts: MessageFacts): HistoryState {
  const { userHash, results } = facts;
  const isUser = userHash !== '';
  return {
    users: isUser ? state.users + 1 : state.users,
    usersHash: isUser ? hashOf(state.usersHash, userHash) : state.usersHash,
    firstUserHash: state.firstUserHash || userHash,
    firstUserPreview: isUser && state.firstUserHash === '' ? facts.userPreview : state.firstUserPreview,
    lastUserHash: userHash || state.lastUserHash,
    lastUserPreview: isUser ? facts.userPreview : state.lastUserPreview,
    note: facts.note || state.note,
    openingHash: state.openingHash || facts.openingHash,
    anchor: state.anchor,
    anchorAsksTool: state.anchorAsksTool,
    anchorOpen: state.anchorOpen && state.anchor === '',
    answerKey: state.answerKey,
    results: results.length === 0 ? state.results : { results, before: state.results },
    earlierResults: state.earlierResults,
  };
}

function answered(state: HistoryState, facts: MessageFacts): HistoryState {
  const { answerKey, asksTool } = facts;
  // In lists that split answers, the first tool call of the first answer comes before its text.
  const isAnchor = state.anchorOpen && answerKey !== '' && (state.anchor === '' || (asksTool && !state.anchorAsksTool));
  return {
    users: state.users,
    usersHash: state.usersHash,
    firstUserHash: state.firstUserHash,
    firstUserPreview: state.firstUserPreview,
    lastUserHash: state.lastUserHash,
    lastUserPreview: state.lastUserPreview,
    note: state.note,
    openingHash: state.openingHash,
    anchor: isAnchor ? answerKey : state.anchor,
    anchorAsksTool: isAnchor ? asksTool : state.anchorAsksTool,
    anchorOpen: state.anchorOpen,
    answerKey: answerKey || state.answerKey,
    results: null,
    earlierResults: state.results ?? state.earlierResults,
  };
}

function after(state: HistoryState, facts: MessageFacts): HistoryState {
  switch (facts.speaker) {
    case 'assistant':
      return answered(state, facts);
    case 'user':
    case 'tool':
      return behindAnswer(state, facts);
    case 'system':
    case 'none':
      return state;
  }
}

/** Reads what isn't read yet of the list, and returns what all of it tells. Adds to `member.states`. */
export function readHistory(
  body: Buffer,
  member: ScannedMember,
  reader: HistoryReader,
  known: Lru<ContentHash, MessageFacts>,
  preview: (text: string) => string,
): HistoryState {
  const states = member.states as HistoryState[];
  let state = states.length === 0 ? EMPTY_HISTORY : states[states.length - 1]!;
  for (let i = states.length; i < member.ends.length; i++) {
    const key = member.hashes[i]!;
    let facts = known.get(key);
    if (facts === undefined) {
      const text = body.toString('utf8', member.start + member.starts[i]!, member.start + member.ends[i]!);
      facts = readMessage(reader, parseJson(text), preview);
      known.set(key, facts);
    }
    state = after(state, facts);
    states.push(state);
  }
  return state;
}
