/**
 * The facts of a request, read from its parts. Only the members outside the lists and the few elements that are needed are
 * parsed; what was read of a message or a tool is kept by its hash, since the next request brings it again.
 */
import type { Content } from '../../schemas/call.ts';
import { type JsonObject, parseJson } from '../common/json.ts';
import { ownText } from '../common/text.ts';
import type { ContentHash } from '../common/types.ts';
import type { Privacy } from '../privacy/privacy.ts';
import { addCounts, type RedactionCounts } from '../privacy/redactor.ts';
import { type HistoryState, type MessageFacts, readHistory } from './conversation.ts';
import type { LlmLimits } from './defaults.ts';
import type { Dialect, RequestFields } from './dialects/dialect.ts';
import { EmittedContents, type KnownHashes } from './emitted-contents.ts';
import type { ScannedMember } from './json/scan.ts';
import { QUOTE, skipSpace } from './json/skip.ts';
import { Lru } from './lru.ts';
import { PrefixCache } from './prefix-cache.ts';
import { contentsOf, hashesOf, type RequestParts, takeApart } from './request-parts.ts';

export interface RequestFacts {
  /** False: the body isn't that of a call of this dialect. */
  readonly isCall: boolean;
  readonly fields: RequestFields;
  readonly messageCount: number;
  readonly offeredTools: string[];
  readonly promptPreview: string;
  readonly skeleton: string;
  readonly partHashes: ContentHash[];
  /** The parts that needn't be left out, in order, each hash once. */
  readonly contents: readonly Content[];
  /** Secrets that were replaced in its parts and its skeleton, known parts among them. */
  readonly redactions: RedactionCounts;
  /** Members outside the lists. */
  readonly body: JsonObject;
  /** Beginning of the system prompt. */
  readonly systemText: string;
  /** What the messages tell; null for an API without conversations. */
  readonly history: HistoryState | null;
}

interface RedactedPart {
  readonly hash: ContentHash;
  readonly counts: RedactionCounts;
}

/** What was read of earlier requests. One for all connections; the facts don't depend on it. */
export class RequestCaches {
  readonly prefixes: PrefixCache | null;
  readonly privacy: Privacy;
  readonly emitted: EmittedContents;
  /** Parts that are stored in another form, by the hash of what they were on the wire. */
  readonly #redacted: Lru<ContentHash, RedactedPart>;
  readonly #redactedMax: number;
  readonly #userTexts = new Map<string, Lru<ContentHash, string>>();
  readonly #messages = new Map<string, Lru<ContentHash, MessageFacts>>();
  readonly #systemTexts = new Map<string, Lru<ContentHash, string>>();
  readonly #toolNames = new Map<string, Lru<ContentHash, readonly string[]>>();
  readonly #entriesMax: number;

  constructor(limits: LlmLimits, privacy: Privacy) {
    this.privacy = privacy;
    this.#redactedMax = limits.contentCacheEntries;
    this.#redacted = new Lru(limits.contentCacheEntries);
    this.prefixes = limits.prefixCacheBytes === 0 ? null : new PrefixCache(limits.prefixCacheBytes);
    this.emitted = new EmittedContents(limits.contentCacheEntries);
    this.#entriesMax = limits.factCacheEntries;
  }

  userTexts(dialect: Dialect): Lru<ContentHash, string> {
    return perDialect(this.#userTexts, dialect, this.#entriesMax);
  }

  messages(dialect: Dialect): Lru<ContentHash, MessageFacts> {
    return perDialect(this.#messages, dialect, this.#entriesMax);
  }

  systemTexts(dialect: Dialect): Lru<ContentHash, string> {
    return perDialect(this.#systemTexts, dialect, this.#entriesMax);
  }

  toolNames(dialect: Dialect): Lru<ContentHash, readonly string[]> {
    return perDialect(this.#toolNames, dialect, this.#entriesMax);
  }

  /** What was emitted, by the hashes of parts as they were on the wire. */
  get known(): KnownHashes {
    // Whoever has forgotten what a part became has to be shown the part again.
    const forgets = this.#redacted.size >= this.#redactedMax;
    return {
      epoch: forgets ? Number.NaN : this.emitted.epoch,
      has: (hash) => this.emitted.has(this.redacted(hash)?.hash ?? hash),
    };
  }

  /** The form in which the part with this hash is stored; undefined: as it was, as far as known. */
  redacted(hash: ContentHash): RedactedPart | undefined {
    return this.#redacted.size === 0 ? undefined : this.#redacted.get(hash);
  }

  get hasRedacted(): boolean {
    return this.#redacted.size > 0;
  }

  markRedacted(hash: ContentHash, part: RedactedPart): void {
    this.#redacted.set(hash, part);
  }
}

function perDialect<T>(caches: Map<string, Lru<ContentHash, T>>, dialect: Dialect, entriesMax: number) {
  let cache = caches.get(dialect.name);
  if (cache === undefined) caches.set(dialect.name, (cache = new Lru(entriesMax)));
  return cache;
}

function elementJson(body: Buffer, member: ScannedMember, index: number): unknown {
  return parseJson(body.toString('utf8', member.start + member.starts[index]!, member.start + member.ends[index]!));
}

/** The last one of this name, as JSON.parse has it. */
function memberOf(members: readonly ScannedMember[], key: string): ScannedMember | null {
  for (let i = members.length - 1; i >= 0; i--) if (members[i]!.key === key) return members[i]!;
  return null;
}

const FIRST_OF_USER = 0x75;
const ROLE = Buffer.from('{"role":');

/**
 * Whether a message begins by telling another role than `user`, as nearly all clients write it. Spares parsing the greater
 * half of a conversation; any other way of writing it is parsed.
 */
function tellsOtherRole(body: Buffer, at: number): boolean {
  for (let i = 0; i < ROLE.length; i++) if (body[at + i] !== ROLE[i]) return false;
  const value = skipSpace(body, at + ROLE.length, body.length);
  return body[value] === QUOTE && body[value + 1] !== FIRST_OF_USER;
}

function previewOf(
  body: Buffer,
  member: ScannedMember,
  dialect: Dialect,
  caches: RequestCaches,
  limits: LlmLimits,
): string {
  const known = caches.userTexts(dialect);
  const first = Math.max(0, member.ends.length - limits.previewMessagesMax);
  for (let i = member.ends.length - 1; i >= first; i--) {
    if (tellsOtherRole(body, member.start + member.starts[i]!)) continue;
    const hash = member.hashes[i]!;
    let text = known.get(hash);
    if (text === undefined) {
      text = caches.privacy.preview(dialect.request.userText(elementJson(body, member, i)), limits.previewCharsMax);
      known.set(hash, text);
    }
    if (text !== '') return text;
  }
  return '';
}

/** What a list of tools tells up to one of them. Several dialects may read the same list. */
interface ToolsState {
  readonly dialect: Dialect;
  readonly names: string[];
}

function toolsOf(body: Buffer, members: readonly ScannedMember[], dialect: Dialect, caches: RequestCaches): string[] {
  const lists: string[][] = [];
  for (const member of members) {
    if (member.kind !== 'tool' || member.ends.length === 0) continue;
    const last = member.ends.length - 1;
    // The names in all of the list stay beside its last part: the next request brings the same tools.
    const told = member.states[last] as ToolsState | undefined;
    const state = told?.dialect === dialect ? told : { dialect, names: namesIn(body, member, dialect, caches) };
    member.states[last] = state;
    lists.push(state.names);
  }
  return lists.length === 1 ? lists[0]! : lists.flat();
}

function namesIn(body: Buffer, member: ScannedMember, dialect: Dialect, caches: RequestCaches): string[] {
  const known = caches.toolNames(dialect);
  const names: string[] = [];
  for (let i = 0; i < member.ends.length; i++) {
    const hash = member.hashes[i]!;
    let some = known.get(hash);
    if (some === undefined) {
      some = dialect.request.toolNames(elementJson(body, member, i));
      known.set(hash, some);
    }
    for (const name of some) names.push(name);
  }
  return names;
}

/** UTF-16 units of the system prompt that client profiles look at. */
const SYSTEM_CHARS = 600;

/** Of the first element that is a system prompt: of its own list, or of the messages. */
function systemTextOf(
  body: Buffer,
  members: readonly ScannedMember[],
  dialect: Dialect,
  caches: RequestCaches,
): string {
  const { history, request } = dialect;
  const member =
    members.find(({ kind, hashes }) => kind === 'system' && hashes.length > 0) ?? memberOf(members, request.messages);
  const key = member?.hashes[0];
  if (history === undefined || member === null || key === undefined) return '';
  const known = caches.systemTexts(dialect);
  let text = known.get(key);
  if (text === undefined)
    known.set(key, (text = ownText(history.systemText(elementJson(body, member, 0)), SYSTEM_CHARS)));
  return text;
}

const NOTHING_STORED = { skeleton: '', partHashes: [], contents: [], redactions: {} };

/** The parts and the skeleton in the form in which they are stored. What is known of a part isn't worked out again. */
function storedOf(body: Buffer, parts: RequestParts, caches: RequestCaches) {
  const { privacy } = caches;
  const skeleton = privacy.text(parts.skeleton);
  const redactions = { ...skeleton.counts };
  const contents: Content[] = [];
  // Of this request: the cache may forget.
  const fresh = new Map<ContentHash, RedactedPart>();
  for (const part of contentsOf(body, parts, caches.known)) {
    const { counts, ...content } = privacy.content(part);
    contents.push(content);
    if (content.hash === part.hash) continue;
    fresh.set(part.hash, { hash: content.hash, counts });
    caches.markRedacted(part.hash, { hash: content.hash, counts });
  }
  const hashes = hashesOf(parts);
  const asTheyWere = fresh.size === 0 && !caches.hasRedacted;
  const partHashes = asTheyWere
    ? hashes
    : hashes.map((hash) => {
        const stored = fresh.get(hash) ?? caches.redacted(hash);
        if (stored === undefined) return hash;
        addCounts(redactions, stored.counts);
        return stored.hash;
      });
  return { skeleton: skeleton.text, partHashes, contents, redactions };
}

/**
 * Never throws. `path` without query; `cacheKey` as in `takeApart`. With `content` false nothing of the text comes out: no
 * parts, no preview.
 */
export function readRequest(
  body: Buffer,
  dialect: Dialect,
  path: string,
  content: boolean,
  cacheKey: string,
  caches: RequestCaches,
  limits: LlmLimits,
): RequestFacts {
  const { request } = dialect;
  const parts = takeApart(body, request.layout, limits.partsMax, caches.prefixes, cacheKey);
  const { members } = parts;
  const messages = memberOf(members, request.messages) ?? members.find(({ kind }) => kind === 'message') ?? null;
  const history =
    dialect.history === undefined || messages === null
      ? null
      : readHistory(body, messages, dialect.history, caches.messages(dialect), (text) =>
          caches.privacy.preview(text, limits.previewCharsMax),
        );
  const preview = (): string => {
    if (!content || messages === null) return '';
    return history === null ? previewOf(body, messages, dialect, caches, limits) : history.lastUserPreview;
  };
  return {
    isCall: request.isCall((name) => memberOf(members, name) !== null, path),
    fields: request.fields(parts.fields, path),
    messageCount: messages?.ends.length ?? 0,
    offeredTools: toolsOf(body, members, dialect, caches),
    promptPreview: preview(),
    ...(content ? storedOf(body, parts, caches) : NOTHING_STORED),
    body: parts.fields,
    systemText: systemTextOf(body, members, dialect, caches),
    history,
  };
}
