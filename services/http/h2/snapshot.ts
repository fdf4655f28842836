/**
 * Where an HTTP/2 connection stood at a moment: all that a successor needs to read on from there.
 *
 * While streams are open that is where the oldest of them began, since a successor reads it again from its beginning. Streams
 * that were opened before and have ended since need no word: their ids are below, and every id is used once.
 */
import type { DirectionState } from './direction.ts';

/** Stream ids from `from` to `to` of which the requests weren't seen. */
export interface UnseenRange {
  readonly from: number;
  readonly to: number;
}

/** Which streams have been there. Never changed, only replaced. */
export interface StreamsKnown {
  /** The highest id that the client has used. */
  readonly max: number;
  /** Bytes of the client are missing since: it may have used higher ones. */
  readonly doubt: boolean;
  readonly unseen: readonly UnseenRange[];
  /** Streams whose answers were read though their requests weren't seen. */
  readonly strays: readonly number[];
}

export interface Snapshot {
  /** Stream offsets at which to read on. */
  readonly clientOffset: number;
  readonly serverOffset: number;
  readonly client: DirectionState;
  readonly server: DirectionState;
  readonly known: StreamsKnown;
}

/** Most ranges and ids that are kept; of the oldest ones an answer that comes very late isn't read any more. */
const RANGES_MAX = 32;
const STRAYS_MAX = 256;
const LIST_ENTRY_BYTES = 8;

export const NO_STREAMS: StreamsKnown = { max: 0, doubt: false, unseen: [], strays: [] };
/** Of a connection that was joined in the middle. */
export const UNKNOWN_STREAMS: StreamsKnown = { ...NO_STREAMS, doubt: true };

/** The client has opened this stream. It may leave ids out, so those only count where some of its bytes are missing. */
export function opened(known: StreamsKnown, id: number): StreamsKnown {
  if (id <= known.max) return known;
  const from = known.max + (known.max === 0 ? 1 : 2);
  if (!known.doubt || id <= from) return { ...known, max: id, doubt: false };
  const unseen = [...known.unseen, { from, to: id - 2 }].slice(-RANGES_MAX);
  return { ...known, max: id, doubt: false, unseen };
}

/** The answer of a stream is read whose request wasn't seen. */
export function answeredStray(known: StreamsKnown, id: number): StreamsKnown {
  return { ...known, strays: [...known.strays, id].slice(-STRAYS_MAX) };
}

/** Whether this stream, which isn't open, may be one whose request wasn't seen. */
export function mayBeStray({ max, doubt, unseen, strays }: StreamsKnown, id: number): boolean {
  if (id % 2 === 0 || strays.includes(id)) return false;
  return id > max ? doubt : unseen.some(({ from, to }) => id >= from && id <= to);
}

/** Memory of a snapshot, about: its fields are shared, the lists of them are not. */
export function snapshotBytes({ client, server }: Snapshot): number {
  return (client.table.fields.length + server.table.fields.length) * LIST_ENTRY_BYTES;
}
