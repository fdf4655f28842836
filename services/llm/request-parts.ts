/**
 * A request body as it is stored: parts (messages, system prompt, tools) under their hashes, and the skeleton, which is the
 * rest of the text with one NUL in the place of each part. Raw JSON holds no NUL, so putting it together again is exact.
 */
import type { Content } from '../../schemas/call.ts';
import { contentHash } from '../common/hash.ts';
import { asObject, type JsonObject, parseJson } from '../common/json.ts';
import type { ContentHash } from '../common/types.ts';
import type { KnownHashes } from './emitted-contents.ts';
import { type PartKind, type RequestLayout, type RequestScan, type ScannedMember, scanRequest } from './json/scan.ts';
import type { PrefixCache } from './prefix-cache.ts';

export const PART_MARK = '\0';
const NULL_TEXT = Buffer.from('null');
const NO_HASHES: readonly ContentHash[] = [];

export interface RequestParts {
  /** Null when the parts are those of the members; else the body isn't one whole JSON object (or has too many parts) and is stored as one part. */
  readonly bodyHash: ContentHash | null;
  readonly members: readonly ScannedMember[];
  /** The members outside the layout, parsed. The members of the layout are null in it when they have parts. */
  readonly fields: JsonObject;
  readonly skeleton: string;
}

/** The hashes of the stored parts, in order. */
export function hashesOf(parts: RequestParts): ContentHash[] {
  if (parts.bodyHash !== null) return [parts.bodyHash];
  return NO_HASHES.concat(...parts.members.map(({ hashes }) => hashes));
}

/** The stored parts with their texts, in order, each hash once; those that are known are left out. */
export function contentsOf(body: Buffer, parts: RequestParts, known: KnownHashes): Content[] {
  const { bodyHash, members } = parts;
  if (bodyHash !== null) {
    return known.has(bodyHash) ? [] : [{ kind: 'body', hash: bodyHash, text: body.toString('utf8') }];
  }
  const contents: Content[] = [];
  const seen = new Set<ContentHash>();
  for (const member of members) if (member.kind !== null) addContents(contents, seen, body, member, known);
  return contents;
}

/** Only the parts behind those that were all known before need a look: a conversation costs what is new in it. */
function addContents(
  contents: Content[],
  seen: Set<ContentHash>,
  body: Buffer,
  member: ScannedMember,
  known: KnownHashes,
): void {
  const { kind, start, starts, ends, hashes, settled } = member;
  const { epoch } = known;
  let first = settled.epoch === epoch ? settled.count : 0;
  let allKnown = true;
  for (let i = first; i < hashes.length; i++) {
    const hash = hashes[i]!;
    const isKnown = known.has(hash);
    allKnown &&= isKnown;
    if (allKnown) first = i + 1;
    if (isKnown || seen.has(hash)) continue;
    seen.add(hash);
    contents.push({ kind: kind as PartKind, hash, text: body.toString('utf8', start + starts[i]!, start + ends[i]!) });
  }
  settled.count = first;
  settled.epoch = epoch;
}

/** The request's text: the skeleton with its NULs replaced by the texts of the parts, in order. Missing texts leave nothing. */
export function rebuildRequest(skeleton: string, parts: readonly string[]): string {
  const pieces = skeleton.split(PART_MARK);
  let text = pieces[0]!;
  for (let i = 1; i < pieces.length; i++) text += (parts[i - 1] ?? '') + pieces[i]!;
  return text;
}

/** Copies a stretch of the body that stays in the skeleton; between the elements of a list that is a comma or two bytes. */
function copyStretch(body: Buffer, from: number, to: number, target: Buffer, at: number): number {
  if (to - from > 16) {
    body.copy(target, at, from, to);
    return at + to - from;
  }
  let out = at;
  for (let i = from; i < to; i++) target[out++] = body[i]!;
  return out;
}

/** Skeleton text. Layout members must be in the order of the body. */
function skeletonOf(body: Buffer, members: readonly ScannedMember[]): string {
  let size = body.length;
  for (const { starts, ends } of members) for (let i = 0; i < ends.length; i++) size -= ends[i]! - starts[i]! - 1;
  const target = Buffer.allocUnsafe(size);
  let out = 0;
  let from = 0;
  for (const { start, starts, ends } of members) {
    for (let i = 0; i < ends.length; i++) {
      const to = start + starts[i]!;
      // Nearly always a comma.
      if (to - from === 1) target[out++] = body[from]!;
      else out = copyStretch(body, from, to, target, out);
      target[out++] = 0;
      from = start + ends[i]!;
    }
  }
  out = copyStretch(body, from, body.length, target, out);
  return target.toString('utf8', 0, out);
}

/** The members outside the layout. Parsing the rest of the text as a whole also proves that it is JSON. */
function fieldsOf(body: Buffer, members: readonly ScannedMember[]): JsonObject | null {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const { kind, start, end } of members) {
    if (kind === null) continue;
    pieces.push(body.subarray(from, start), NULL_TEXT);
    from = end;
  }
  pieces.push(body.subarray(from));
  return asObject(parseJson(Buffer.concat(pieces).toString('utf8')));
}

/** What can be read of a body that isn't whole: each whole member by itself. */
function salvageFields(body: Buffer, members: readonly ScannedMember[]): JsonObject {
  const fields: Record<string, unknown> = {};
  for (const { key, kind, start, end } of members) {
    if (kind !== null || end < 0 || key === '__proto__') continue;
    const value = parseJson(body.toString('utf8', start, end));
    if (value !== undefined) fields[key] = value;
  }
  return fields;
}

function hashParts(body: Buffer, member: ScannedMember): void {
  const { start, starts, ends, hashes } = member;
  for (let i = hashes.length; i < ends.length; i++) {
    hashes.push(contentHash(body.subarray(start + starts[i]!, start + ends[i]!)));
  }
}

function asOneBody(body: Buffer, scan: RequestScan): RequestParts {
  const { members } = scan;
  for (const member of members) hashParts(body, member);
  return { bodyHash: contentHash(body), members, fields: salvageFields(body, members), skeleton: PART_MARK };
}

/**
 * Takes a body apart. Never throws. `cacheKey` tells which earlier lists may begin like this one's (same client, host and
 * path); the result doesn't depend on the cache.
 */
export function takeApart(
  body: Buffer,
  layout: RequestLayout,
  partsMax: number,
  cache: PrefixCache | null,
  cacheKey: string,
): RequestParts {
  const reuse =
    cache === null ? null : (bytes: Buffer, member: ScannedMember) => cache.reuse(member.key + cacheKey, bytes, member);
  const scan = scanRequest(body, layout, partsMax, reuse);
  const fields = scan.status === 'ok' ? fieldsOf(body, scan.members) : null;
  if (fields === null) return asOneBody(body, scan);
  for (const member of scan.members) {
    if (member.kind === null) continue;
    hashParts(body, member);
    cache?.store(member.key + cacheKey, body, member);
  }
  return { bodyHash: null, members: scan.members, fields, skeleton: skeletonOf(body, scan.members) };
}
