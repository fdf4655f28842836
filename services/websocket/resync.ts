/**
 * Whether a segment begins with a frame, judged without knowing where in a message the direction is. Servers and clients write
 * whole frames, so that one mostly begins a segment; but two bytes look like a frame's head by chance often enough.
 *
 * It is believed when all of it fits: the segment is made of whole frames, one behind the other to its last byte, the first of
 * them a message's beginning or a control frame, and texts are UTF-8 that begin like JSON or inflate to it. Where a
 * message is longer than the segment, its beginning must say so uncompressed.
 */
import { isUtf8 } from 'node:buffer';
import { CONTINUATION, FrameHead, type FrameRules, readFrameHead, TEXT, unmask } from './frame.ts';
import type { InflateFailure } from './inflate.ts';

const OPEN_OBJECT = 0x7b;
const QUOTE = 0x22;
const SPACE = 0x20;
/** Bytes that a text must have at least to be told by its beginning alone. */
const BEGINNING_BYTES_MIN = 16;

/** Inflates a message without what came before it; null when messages refer back. */
export type TryInflate = ((payload: Buffer) => Buffer | InflateFailure) | null;

function beginsLikeJson(bytes: Buffer): boolean {
  let at = 1;
  while (bytes[at] === SPACE) at++;
  return bytes[0] === OPEN_OBJECT && bytes[at] === QUOTE;
}

function payloadOf(bytes: Buffer, at: number, end: number, head: FrameHead): Buffer {
  const payload = Buffer.allocUnsafe(end - at);
  unmask(bytes.subarray(at, end), head.mask, 0, payload, 0);
  return payload;
}

/** Whether a whole text frame has what texts of APIs have. Other frames tell nothing by their payload. */
function isText(payload: Buffer, head: FrameHead, inflate: TryInflate): boolean {
  if (!head.compressed) return isUtf8(payload) && (!head.fin || beginsLikeJson(payload));
  if (inflate === null || !head.fin) return true;
  const text = inflate(payload);
  return typeof text !== 'string' && isUtf8(text) && beginsLikeJson(text);
}

export function beginsWithFrame(bytes: Buffer, rules: FrameRules, inflate: TryInflate): boolean {
  const head = new FrameHead();
  const { length } = bytes;
  for (let at = 0; at < length; ) {
    const size = readFrameHead(bytes, at, length, rules, head);
    if (size <= 0 || (at === 0 && head.opcode === CONTINUATION)) return false;
    const start = at + size;
    const whole = start + head.length <= length;
    const payload = payloadOf(bytes, start, Math.min(length, start + head.length), head);
    if (!whole) {
      return (
        head.opcode === TEXT && !head.compressed && payload.length >= BEGINNING_BYTES_MIN && beginsLikeJson(payload)
      );
    }
    if (head.opcode === TEXT && !isText(payload, head, inflate)) return false;
    at = start + head.length;
  }
  return length > 0;
}
