/** HTTP/2 frames as bytes (RFC 9113 section 6). */
import { PREFACE } from '../../../services/http/h2/frame.ts';

export { PREFACE };

export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;

const END_STREAM = 1;
const END_HEADERS = 4;
const PADDED = 8;

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** `padding` bytes behind the content; 0 = not padded. */
export function dataFrame(stream: number, content: Buffer, padding: number, last: boolean): Buffer {
  const end = last ? END_STREAM : 0;
  if (padding === 0) return frame(TYPE.data, end, stream, content);
  return frame(TYPE.data, end | PADDED, stream, Buffer.concat([Buffer.of(padding), content, Buffer.alloc(padding)]));
}

/** A block in pieces of at most `pieceBytes`. */
export function headerFrames(stream: number, block: Buffer, last: boolean, pieceBytes: number): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < block.length || at === 0; at += pieceBytes) {
    const ends = at + pieceBytes >= block.length ? END_HEADERS : 0;
    const piece = block.subarray(at, at + pieceBytes);
    if (at === 0) pieces.push(frame(TYPE.headers, ends | (last ? END_STREAM : 0), stream, piece));
    else pieces.push(frame(TYPE.continuation, ends, stream, piece));
  }
  return Buffer.concat(pieces);
}

export function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, at) => {
    bytes.writeUInt32BE(value, 4 * at);
  });
  return bytes;
}

export function settings(pairs: readonly (readonly [number, number])[]): Buffer {
  const bytes = Buffer.alloc(6 * pairs.length);
  pairs.forEach(([name, value], at) => {
    bytes.writeUInt16BE(name, 6 * at);
    bytes.writeUInt32BE(value, 6 * at + 2);
  });
  return frame(TYPE.settings, 0, 0, bytes);
}
