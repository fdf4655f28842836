/**
 * Whether a segment begins with a frame, judged without knowing where in a message the direction is. Servers and clients write
 * whole frames, so that one mostly begins a segment; but two bytes look like a frame's head by chance often enough.
 *
 * It fits when all of it does: the segment is made of whole frames, one behind the other to its last byte, the first of
 * them a message's beginning or a control frame, and texts are UTF-8 that begin like JSON or inflate to it. Where a
 * message is longer than the segment, its beginning must say so. It tells by itself that it is WebSocket when such a text
 * begins with the name of a member.
 */
import { isUtf8 } from 'node:buffer';
import { CONTINUATION, FrameHead, type FrameRules, readFrameHead, TEXT, unmask } from './frame.ts';
import type { InflateFailure } from './inflate.ts';

const OPEN_OBJECT = 0x7b;
const QUOTE = 0x22;
const SPACE = 0x20;
/** Bytes that a text must have at least to be told by its beginning alone. */
const BEGINNING_BYTES_MIN = 16;
const NAME_BYTES_MAX = 96;
const NAME = /^\{ *"[\w.-]{1,64}" *:/;

/** How a message is inflated without what came before it. */
export interface Alone {
  /** A message that can't be had so may refer to the ones before. */
  readonly mayReferBack: boolean;
  read(payload: Buffer, whole: boolean): Buffer | InflateFailure;
}

export type Judgement = 'no' | 'fits' | 'tells';

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

function judgeText(text: Buffer): Judgement {
  if (!beginsLikeJson(text)) return 'no';
  return NAME.test(text.toString('latin1', 0, NAME_BYTES_MAX)) ? 'tells' : 'fits';
}

/** A whole text frame. Other frames tell nothing by their payload. */
function judgeWhole(payload: Buffer, { fin, compressed }: FrameHead, alone: Alone | null): Judgement {
  if (!compressed && !isUtf8(payload)) return 'no';
  if (!fin || (compressed && alone === null)) return 'fits';
  const text = compressed ? alone!.read(payload, true) : payload;
  if (typeof text === 'string') return alone!.mayReferBack ? 'fits' : 'no';
  return isUtf8(text) ? judgeText(text) : 'no';
}

/** The beginning of a text frame. */
function judgeBeginning(payload: Buffer, { opcode, compressed }: FrameHead, alone: Alone | null): Judgement {
  if (opcode !== TEXT || (compressed && alone === null)) return 'no';
  const text = compressed ? alone!.read(payload, false) : payload;
  return typeof text === 'string' || text.length < BEGINNING_BYTES_MIN ? 'no' : judgeText(text);
}

/** `alone`: null where compressed messages tell nothing. */
export function judge(bytes: Buffer, rules: FrameRules, alone: Alone | null): Judgement {
  const head = new FrameHead();
  const { length } = bytes;
  let judged: Judgement = length > 0 ? 'fits' : 'no';
  for (let at = 0; at < length; ) {
    const size = readFrameHead(bytes, at, length, rules, head);
    if (size <= 0 || (at === 0 && head.opcode === CONTINUATION)) return 'no';
    const start = at + size;
    at = start + head.length;
    const isWhole = at <= length;
    const payload = payloadOf(bytes, start, Math.min(length, at), head);
    if (isWhole && head.opcode !== TEXT) continue;
    const text = isWhole ? judgeWhole(payload, head, alone) : judgeBeginning(payload, head, alone);
    if (text === 'no') return 'no';
    if (text === 'tells') judged = text;
  }
  return judged;
}
