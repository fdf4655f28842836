/**
 * The checkpoint as the text that is committed beside a watermark:
 *
 *     c1:<base64url of entries>      each entry: 16 bytes connection id, 1 byte state, varint client, varint server
 *     c2:<base64url of entries>:<base64url of deflated JSON>     as c1; state 3: HTTP/2, told by the next item of the JSON's list
 *
 * Varints are LEB128: 7 bits a byte, low bits first. Fields of HTTP/2 are kept without credentials, so none is here either.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { BitternError } from '../common/errors.ts';
import type { ConnectionId } from '../common/types.ts';
import type { Http2Standing, ResumePoint } from '../http/connection.ts';
import { readStanding, writeStanding } from '../http/h2/resume-codec.ts';

const PREFIX = 'c1:';
const PREFIX_HTTP2 = 'c2:';
const ID_BYTES = 16;
const STATES = ['synced', 'unsynced', 'ignored'] as const;
const HTTP2 = 3;
/**
 * Most characters about HTTP/2 connections, before they are deflated to about a fifth: some thousands of connections.
 * Beyond it a connection is told as one that must be found again in its middle.
 */
const HTTP2_CHARACTERS_MAX = 8 * 1024 * 1024;
const SEVEN_BITS = 0x80;

export function encodeCheckpoint(entries: ReadonlyMap<ConnectionId, ResumePoint>): string {
  const bytes: number[] = [];
  const standings: string[] = [];
  let characters = 0;
  for (const [connection, { client, server, state, http2 }] of entries) {
    const standing = http2 === undefined ? '' : writeStanding(http2);
    characters += standing.length;
    const told = standing !== '' && characters <= HTTP2_CHARACTERS_MAX;
    if (told) standings.push(standing);
    const plain = STATES.indexOf(http2 === undefined ? state : 'unsynced');
    bytes.push(...Buffer.from(connection, 'hex'), told ? HTTP2 : plain);
    pushVarint(bytes, client);
    pushVarint(bytes, server);
  }
  const text = Buffer.from(bytes).toString('base64url');
  if (standings.length === 0) return PREFIX + text;
  const packed = deflateRawSync(`[${standings.join(',')}]`, { level: 1 }).toString('base64url');
  return `${PREFIX_HTTP2}${text}:${packed}`;
}

/** Null for an empty text: nothing was ever committed. @throws BitternError BIT_CHECKPOINT_UNREADABLE: it is of another release, or damaged */
export function decodeCheckpoint(text: string): Map<ConnectionId, ResumePoint> | null {
  if (text === '') return null;
  const entries = new Map<ConnectionId, ResumePoint>();
  const withHttp2 = text.startsWith(PREFIX_HTTP2);
  if (!withHttp2 && !text.startsWith(PREFIX)) throw unreadable();
  const [plain, packed] = text.slice(PREFIX.length).split(':');
  const bytes = Buffer.from(plain ?? '', 'base64url');
  const standings = withHttp2 ? readStandings(packed ?? '') : [];
  const cursor = { at: 0 };
  while (cursor.at < bytes.length) {
    const connection = bytes.toString('hex', cursor.at, cursor.at + ID_BYTES) as ConnectionId;
    const code = bytes[cursor.at + ID_BYTES] ?? STATES.length;
    const http2 = code === HTTP2 ? standings.shift() : undefined;
    const state = http2 === undefined ? STATES[code] : 'synced';
    cursor.at += ID_BYTES + 1;
    const client = readVarint(bytes, cursor);
    const server = readVarint(bytes, cursor);
    if (state === undefined || cursor.at > bytes.length) throw unreadable();
    entries.set(connection, { client, server, state, ...(http2 === undefined ? {} : { http2 }) });
  }
  return entries;
}

function readStandings(packed: string): Http2Standing[] {
  try {
    const text = inflateRawSync(Buffer.from(packed, 'base64url'), { maxOutputLength: 2 * HTTP2_CHARACTERS_MAX });
    return (JSON.parse(text.toString()) as unknown[]).map(readStanding);
  } catch (cause) {
    throw unreadable(cause);
  }
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= SEVEN_BITS) {
    bytes.push((rest % SEVEN_BITS) | SEVEN_BITS);
    rest = Math.floor(rest / SEVEN_BITS);
  }
  bytes.push(rest);
}

function readVarint(bytes: Buffer, cursor: { at: number }): number {
  let value = 0;
  let factor = 1;
  for (;;) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) throw unreadable();
    value += (byte % SEVEN_BITS) * factor;
    if (byte < SEVEN_BITS) return value;
    factor *= SEVEN_BITS;
  }
}

function unreadable(cause?: unknown): BitternError {
  return new BitternError(
    'BIT_CHECKPOINT_UNREADABLE',
    "The checkpoint beside a committed offset can't be read: was it written by a newer release?",
    { cause },
  );
}
