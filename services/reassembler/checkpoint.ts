/**
 * The checkpoint as the text that is committed beside a watermark:
 *
 *     c1:<base64url of entries>      each entry: 16 bytes connection id, 1 byte state, varint client, varint server,
 *                                    and of a tunnel: varint length, so many bytes
 *     p1:<base64url of entries>      as c1; more than one probe publishes into the partition
 *     c2:<base64url of entries>:<base64url of deflated JSON>     as c1; state 4: HTTP/2, told by the next item of the JSON's list
 *     p2:<base64url of entries>:<base64url of deflated JSON>     as c2; more than one probe publishes into the partition
 *
 * Varints are LEB128: 7 bits a byte, low bits first. Fields of HTTP/2 are kept without credentials, so none is here either.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { BitternError } from '../common/errors.ts';
import type { ConnectionId } from '../common/types.ts';
import type { Http2Standing, ResumePoint } from '../http/connection.ts';
import { readStanding, writeStanding } from '../http/h2/resume-codec.ts';

const PREFIX = 'c1:';
const PREFIX_SEVERAL = 'p1:';
const PREFIX_HTTP2 = 'c2:';
const PREFIX_HTTP2_SEVERAL = 'p2:';
const ID_BYTES = 16;
const STATES = ['synced', 'unsynced', 'ignored', 'tunnel'] as const;
const UNSYNCED = STATES.indexOf('unsynced');
const HTTP2 = 4;
/**
 * Most characters about HTTP/2 connections, before they are deflated to about a fifth, and after it: some thousands of
 * connections. Beyond it a connection is told as one that must be found again in its middle.
 */
const HTTP2_CHARACTERS_MAX = 8 * 1024 * 1024;
const HTTP2_PACKED_MAX = 2.5 * 1024 * 1024;
const SEVEN_BITS = 0x80;
/**
 * Bytes of one tunnel, and of all tunnels in one checkpoint, of which each gets the same share: a checkpoint is a record of 8 MiB at
 * most. What doesn't fit into its share goes without its inflate contexts, and is ignored from there on if that isn't enough.
 */
const TUNNEL_BYTES_MAX = 96 * 1024;
const TUNNELS_BYTES_MAX = 3 * 1024 * 1024;
/** The same of all tunnels on streams of HTTP/2, which are told with their connections. */
const STREAM_TUNNELS_BYTES_MAX = 1024 * 1024;
const NOTHING = Buffer.alloc(0);

export class Checkpoint extends Map<ConnectionId, ResumePoint> {
  /** More than one probe publishes into the partition. */
  several = false;
}

export function encodeCheckpoint(entries: ReadonlyMap<ConnectionId, ResumePoint>, several = false): string {
  const pieces: Buffer[] = [];
  const { told, packed } = packStandings(entries);
  let untold = told;
  const share = tunnelShare(entries);
  for (const [connection, { client, server, state, http2, tunnel }] of entries) {
    const known = state === 'tunnel' ? (tunnel?.encode(share) ?? NOTHING) : NOTHING;
    const code = http2 === undefined ? plainCode(state, known) : untold-- > 0 ? HTTP2 : UNSYNCED;
    const bytes = [...Buffer.from(connection, 'hex'), code];
    pushVarint(bytes, client);
    pushVarint(bytes, server);
    if (known.length > 0) pushVarint(bytes, known.length);
    pieces.push(Buffer.from(bytes), known);
  }
  const text = Buffer.concat(pieces).toString('base64url');
  if (told === 0) return (several ? PREFIX_SEVERAL : PREFIX) + text;
  return `${several ? PREFIX_HTTP2_SEVERAL : PREFIX_HTTP2}${text}:${packed}`;
}

/** A tunnel of which nothing can be told can't be taken up. */
function plainCode(state: ResumePoint['state'], known: Buffer): number {
  return STATES.indexOf(state === 'tunnel' && known.length === 0 ? 'ignored' : state);
}

function tunnelShare(entries: ReadonlyMap<ConnectionId, ResumePoint>): number {
  let tunnels = 0;
  for (const { state } of entries.values()) if (state === 'tunnel') tunnels++;
  return Math.min(TUNNEL_BYTES_MAX, Math.floor(TUNNELS_BYTES_MAX / Math.max(1, tunnels)));
}

function streamTunnelShare(entries: ReadonlyMap<ConnectionId, ResumePoint>): number {
  let tunnels = 0;
  for (const { http2 } of entries.values()) tunnels += http2?.resume.tunnels.length ?? 0;
  return Math.min(TUNNEL_BYTES_MAX, Math.floor(STREAM_TUNNELS_BYTES_MAX / Math.max(1, tunnels)));
}

/** Where the first HTTP/2 connections stand, as many as there is room for. */
function packStandings(entries: ReadonlyMap<ConnectionId, ResumePoint>): { told: number; packed: string } {
  const texts: string[] = [];
  const share = streamTunnelShare(entries);
  let characters = 0;
  for (const { http2 } of entries.values()) {
    if (http2 === undefined) continue;
    const text = writeStanding(http2, share);
    characters += text.length;
    if (characters > HTTP2_CHARACTERS_MAX) break;
    texts.push(text);
  }
  for (let told = texts.length; told > 0; told >>= 1) {
    const packed = deflateRawSync(`[${texts.slice(0, told).join(',')}]`, { level: 1 }).toString('base64url');
    if (packed.length <= HTTP2_PACKED_MAX) return { told, packed };
  }
  return { told: 0, packed: '' };
}

/** Null for an empty text: nothing was ever committed. @throws BitternError BIT_CHECKPOINT_UNREADABLE: it is of another release, or damaged */
export function decodeCheckpoint(text: string): Checkpoint | null {
  if (text === '') return null;
  const prefix = text.slice(0, PREFIX.length);
  const withHttp2 = prefix === PREFIX_HTTP2 || prefix === PREFIX_HTTP2_SEVERAL;
  const entries = new Checkpoint();
  entries.several = prefix === PREFIX_SEVERAL || prefix === PREFIX_HTTP2_SEVERAL;
  if (!withHttp2 && !entries.several && prefix !== PREFIX) throw unreadable();
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
    const known = state === 'tunnel' ? readBytes(bytes, cursor) : null;
    if (state === undefined || cursor.at > bytes.length) throw unreadable();
    const tunnel =
      known === null ? {} : { tunnel: { encode: (bytesMax: number) => (known.length <= bytesMax ? known : NOTHING) } };
    entries.set(connection, { client, server, state, ...(http2 === undefined ? {} : { http2 }), ...tunnel });
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

function readBytes(bytes: Buffer, cursor: { at: number }): Buffer {
  const length = readVarint(bytes, cursor);
  const start = cursor.at;
  cursor.at += length;
  return bytes.subarray(start, cursor.at);
}

function unreadable(cause?: unknown): BitternError {
  return new BitternError(
    'BIT_CHECKPOINT_UNREADABLE',
    "The checkpoint beside a committed offset can't be read: was it written by a newer release?",
    { cause },
  );
}
