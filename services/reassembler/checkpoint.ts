/**
 * The checkpoint as the text that is committed beside a watermark:
 *
 *     c1:<base64url of entries>      each entry: 16 bytes connection id, 1 byte state, varint client, varint server,
 *                                    and of a tunnel: varint length, so many bytes
 *     p1:<base64url of entries>      the same; more than one probe publishes into the partition
 *
 * Varints are LEB128: 7 bits a byte, low bits first.
 */
import { BitternError } from '../common/errors.ts';
import type { ConnectionId } from '../common/types.ts';
import type { ResumePoint } from '../http/connection.ts';

const PREFIX = 'c1:';
const PREFIX_SEVERAL = 'p1:';
const ID_BYTES = 16;
const STATES = ['synced', 'unsynced', 'ignored', 'tunnel'] as const;
const SEVEN_BITS = 0x80;
/**
 * Bytes of one tunnel, and of all tunnels in one checkpoint, of which each gets the same share: a checkpoint is a record of 8 MiB at
 * most. What doesn't fit into its share goes without its inflate contexts, and is ignored from there on if that isn't enough.
 */
const TUNNEL_BYTES_MAX = 96 * 1024;
const TUNNELS_BYTES_MAX = 4 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

export class Checkpoint extends Map<ConnectionId, ResumePoint> {
  /** More than one probe publishes into the partition. */
  several = false;
}

export function encodeCheckpoint(entries: ReadonlyMap<ConnectionId, ResumePoint>, several = false): string {
  const pieces: Buffer[] = [];
  let tunnels = 0;
  for (const { state } of entries.values()) if (state === 'tunnel') tunnels++;
  const share = Math.min(TUNNEL_BYTES_MAX, Math.floor(TUNNELS_BYTES_MAX / Math.max(1, tunnels)));
  for (const [connection, { client, server, state, tunnel }] of entries) {
    const known = state === 'tunnel' ? (tunnel?.encode(share) ?? NOTHING) : NOTHING;
    // A tunnel of which nothing can be told can't be taken up.
    const told = state === 'tunnel' && known.length === 0 ? 'ignored' : state;
    const bytes = [...Buffer.from(connection, 'hex'), STATES.indexOf(told)];
    pushVarint(bytes, client);
    pushVarint(bytes, server);
    if (told === 'tunnel') pushVarint(bytes, known.length);
    pieces.push(Buffer.from(bytes), known);
  }
  return (several ? PREFIX_SEVERAL : PREFIX) + Buffer.concat(pieces).toString('base64url');
}

/** Null for an empty text: nothing was ever committed. @throws BitternError BIT_CHECKPOINT_UNREADABLE: it is of another release, or damaged */
export function decodeCheckpoint(text: string): Checkpoint | null {
  if (text === '') return null;
  const entries = new Checkpoint();
  entries.several = text.startsWith(PREFIX_SEVERAL);
  if (!entries.several && !text.startsWith(PREFIX)) throw unreadable();
  const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url');
  const cursor = { at: 0 };
  while (cursor.at < bytes.length) {
    const connection = bytes.toString('hex', cursor.at, cursor.at + ID_BYTES) as ConnectionId;
    const state = STATES[bytes[cursor.at + ID_BYTES] ?? STATES.length];
    cursor.at += ID_BYTES + 1;
    const client = readVarint(bytes, cursor);
    const server = readVarint(bytes, cursor);
    const known = state === 'tunnel' ? readBytes(bytes, cursor) : null;
    if (state === undefined || cursor.at > bytes.length) throw unreadable();
    const tunnel =
      known === null ? {} : { tunnel: { encode: (bytesMax: number) => (known.length <= bytesMax ? known : NOTHING) } };
    entries.set(connection, { client, server, state, ...tunnel });
  }
  return entries;
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

function unreadable(): BitternError {
  return new BitternError(
    'BIT_CHECKPOINT_UNREADABLE',
    "The checkpoint beside a committed offset can't be read: was it written by a newer release?",
  );
}
