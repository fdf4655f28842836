/**
 * One direction of a WebSocket connection: frames in, messages out (RFC 6455 sections 5.4 and 5.5: a message is one frame or
 * several, with control frames in between).
 *
 * It loses sync by a gap over a frame's border, or by nonsense. It comes back at a segment that is judged to begin with a
 * frame (see resync.ts); until then bytes are skipped. A message that was going on is given out as far as it was read.
 */
import type { Side } from '../../schemas/frame.ts';
import type { Micros } from '../common/types.ts';
import type { Context } from './extension.ts';
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  FrameHead,
  type FrameRules,
  HEAD_BYTES_MAX,
  readFrameHead,
  TEXT,
  unmask,
} from './frame.ts';
import { MessageInflate } from './inflate.ts';
import type { MessageProblem, SocketMessage } from './message.ts';
import type { SocketLimits } from './options.ts';
import { MessagePayload } from './payload.ts';
import { type Alone, judge } from './resync.ts';

const HEAD = 0;
const DATA = 1;
const CONTROL = 2;
/** Payload of a message whose beginning was lost. */
const ORPHAN = 3;
const UNSYNCED = 4;
/** Behind a close frame. */
const CLOSED = 5;

const NOTHING = Buffer.alloc(0);
/** A close frame without a code (RFC 6455 section 7.4.1). */
const NO_CODE = 1005;

/** What a direction stands at between two messages. */
export interface DirectionState {
  readonly offset: number;
  readonly synced: boolean;
  /** Messages were lost: the next frames may continue one of those. */
  readonly lossy: boolean;
  /** Null: lost. Empty without context takeover. */
  readonly window: Buffer | null;
}

export interface ReaderOwner {
  message(message: SocketMessage): void;
  lost(side: Side, missing: number): void;
}

export class MessageReader {
  readonly side: Side;
  /** Messages of data, and their payload as it was sent. */
  messages = 0;
  messageBytes = 0;
  /** Code of the close frame; 0 while none came, 1005 when it had none (section 7.4.1). */
  closeCode = 0;
  skippedBytes = 0;
  readonly #owner: ReaderOwner;
  readonly #rules: FrameRules;
  readonly #inflate: MessageInflate | null;
  readonly #alone: Alone | null;
  readonly #head = new FrameHead();
  readonly #held = Buffer.alloc(HEAD_BYTES_MAX);
  #heldLength = 0;
  #heldTime: Micros = 0;
  readonly #payload: MessagePayload;
  #inMessage = false;
  #state: number;
  /** Stream offset of the next byte, and of the frame's head that it is in. */
  #offset: number;
  #frameOffset = 0;
  /** Of the frame's payload, done and to come. */
  #done = 0;
  #remaining = 0;
  #lossy: boolean;

  /** `context`: null without permessage-deflate; `unknown`: what was agreed on wasn't seen. */
  constructor(side: Side, context: Context, limits: SocketLimits, owner: ReaderOwner, from: DirectionState) {
    this.side = side;
    this.#owner = owner;
    this.#rules = { masked: side === 'client', deflate: context !== null, frameBytesMax: limits.frameBytesMax };
    this.#inflate = context === null ? null : new MessageInflate(context, limits, from.window);
    const alone = context === false || context === 'unknown' ? new MessageInflate(false, limits) : null;
    const mayReferBack = context === 'unknown';
    this.#alone = alone && { mayReferBack, read: (payload, whole) => alone.read(payload, whole) };
    this.#payload = new MessagePayload(limits.messageBytesMax);
    this.#state = from.synced ? HEAD : UNSYNCED;
    this.#offset = from.offset;
    this.#lossy = from.lossy;
  }

  get heldBytes(): number {
    return this.#payload.heldBytes + (this.#inflate?.heldBytes ?? 0);
  }

  /** Nothing of a message or a frame is held. */
  get atRest(): boolean {
    return !this.#inMessage && this.#heldLength === 0 && this.#state !== CONTROL && this.#state !== ORPHAN;
  }

  /** Where another could go on: the beginning of what isn't complete. */
  get standing(): DirectionState {
    const inFrame = this.#heldLength > 0 || this.#state === CONTROL || this.#state === ORPHAN;
    const offset = this.#inMessage ? this.#payload.offset : inFrame ? this.#frameOffset : this.#offset;
    const window = this.#inflate === null ? null : this.#inflate.window;
    return { offset, synced: this.#state !== UNSYNCED, lossy: this.#lossy, window };
  }

  /** One segment, or what is left of it. `offset`: of its first byte in the stream. Never throws. */
  data(bytes: Buffer, offset: number, time: Micros): void {
    this.#offset = offset;
    let at = 0;
    if (this.#state === UNSYNCED && !this.#regain(bytes)) {
      at = this.#skip(bytes, 0);
      // Whatever has begun since the loss may lack these.
      this.#owner.lost(this.side, 0);
    }
    while (at < bytes.length) {
      if (this.#state === HEAD) at = this.#readHead(bytes, at, offset + at, time);
      else if (this.#state === UNSYNCED || this.#state === CLOSED) at = this.#skip(bytes, at);
      else at = this.#readPayload(bytes, at, time);
      this.#offset = offset + at;
      if (this.#remaining === 0 && this.#state !== HEAD && this.#state < UNSYNCED) this.#frameEnd(time);
    }
  }

  gap(missing: number): void {
    this.#offset += missing;
    if (this.#state === CLOSED) return;
    const inPayload = this.#state === DATA || this.#state === CONTROL || this.#state === ORPHAN;
    if (!inPayload || missing > this.#remaining) {
      this.#lose(missing);
      return;
    }
    if (this.#state === DATA) this.#payload.gap(missing);
    this.#done += missing;
    this.#remaining -= missing;
    if (this.#remaining === 0) this.#frameEnd(this.#payload.end);
  }

  /** Bytes are missing, somewhere before `offset`. */
  lose(missing: number, offset: number): void {
    this.#offset = offset;
    if (this.#state !== CLOSED) this.#lose(missing);
  }

  /** No byte follows: a message that was going on is given out as far as it came. */
  end(): void {
    if (this.#inMessage) this.#deliver('cut');
    this.#inMessage = false;
    this.#state = CLOSED;
  }

  /** Lets go of a message that is going on; with `context`, of what the next ones refer to as well. */
  shed(context: boolean): void {
    if (this.#inMessage) {
      this.#desync();
      this.#inflate?.lose();
    }
    this.#payload.drop();
    if (context) this.#inflate?.lose();
  }

  // ---- frames

  #readHead(bytes: Buffer, from: number, offset: number, time: Micros): number {
    if (this.#heldLength === 0) {
      this.#frameOffset = offset;
      this.#heldTime = time;
    }
    const take = Math.min(HEAD_BYTES_MAX - this.#heldLength, bytes.length - from);
    bytes.copy(this.#held, this.#heldLength, from, from + take);
    const size = readFrameHead(this.#held, 0, this.#heldLength + take, this.#rules, this.#head);
    if (size < 0 || (size > 0 && !this.#begin())) {
      this.#heldLength = 0;
      this.#lose(0);
      return this.#skip(bytes, from);
    }
    const used = size === 0 ? take : size - this.#heldLength;
    this.#heldLength = size === 0 ? this.#heldLength + take : 0;
    return from + used;
  }

  /** A head was read. False when this frame can't come here. */
  #begin(): boolean {
    const { opcode, compressed, length, isControl } = this.#head;
    this.#done = 0;
    this.#remaining = length;
    if (isControl) this.#state = CONTROL;
    else if (opcode === CONTINUATION) {
      if (!this.#inMessage && !this.#lossy) return false;
      this.#state = this.#inMessage ? DATA : ORPHAN;
    } else {
      if (this.#inMessage) return false;
      this.#lossy = false;
      this.#inMessage = true;
      this.#payload.begin(opcode === TEXT, compressed, this.#frameOffset, this.#heldTime);
      this.#state = DATA;
    }
    return opcode === TEXT || opcode === BINARY || opcode === CONTINUATION || isControl;
  }

  #readPayload(bytes: Buffer, from: number, time: Micros): number {
    const end = Math.min(bytes.length, from + this.#remaining);
    const part = bytes.subarray(from, end);
    if (this.#state === DATA) {
      const room = this.#payload.room(part.length);
      if (room !== null) unmask(part, this.#head.mask, this.#done, room.buffer, room.at);
      this.#payload.end = time;
    } else if (this.#state === CONTROL && this.#head.opcode === CLOSE) this.#readClose(part);
    this.#done += part.length;
    this.#remaining -= part.length;
    return end;
  }

  /** Section 5.5.1: two bytes of code, then a reason, which is nobody's business here. */
  #readClose(part: Buffer): void {
    const { mask } = this.#head;
    for (let i = 0; i < part.length && this.#done + i < 2; i++) {
      this.closeCode = ((this.closeCode << 8) | (part[i]! ^ mask[(this.#done + i) & 3]!)) & 0xffff;
    }
  }

  #frameEnd(time: Micros): void {
    const { opcode, fin, length } = this.#head;
    if (this.#state === CONTROL) {
      if (opcode === CLOSE && length < 2) this.closeCode = NO_CODE;
      this.#state = opcode === CLOSE ? CLOSED : HEAD;
      return;
    }
    const isOver = fin && this.#state === DATA;
    this.#state = HEAD;
    if (!isOver) return;
    this.#payload.end = time;
    this.#deliver('');
    this.#inMessage = false;
    this.#inflate?.accept(this.#payload.compressed);
  }

  // ---- messages

  #deliver(given: '' | 'gap' | 'cut'): void {
    const payload = this.#payload;
    const problem = given !== '' ? given : payload.missingBytes > 0 ? 'gap' : '';
    const read = this.#read(problem === '');
    this.messages++;
    this.messageBytes += payload.wireBytes;
    if (read === 'context' || read === 'damage') this.skippedBytes += payload.wireBytes;
    this.#owner.message({
      side: this.side,
      isText: payload.isText,
      data: typeof read === 'string' ? NOTHING : read,
      problem: typeof read === 'string' ? read : problem,
      offset: payload.offset,
      start: payload.start,
      end: payload.end,
      wireBytes: payload.wireBytes,
      missingBytes: payload.missingBytes,
    });
  }

  #read(whole: boolean): Buffer | MessageProblem {
    const payload = this.#payload;
    if (!payload.compressed) return payload.overLimit ? 'limit' : payload.bytes;
    if (this.#inflate === null) return 'damage';
    if (!payload.overLimit) return this.#inflate.read(payload.bytes, whole);
    this.#inflate.skip();
    return 'limit';
  }

  // ---- loss

  #skip(bytes: Buffer, from: number): number {
    this.skippedBytes += bytes.length - from;
    return bytes.length;
  }

  #regain(bytes: Buffer): boolean {
    if (judge(bytes, this.#rules, this.#alone) === 'no') return false;
    this.#state = HEAD;
    return true;
  }

  #lose(missing: number): void {
    if (this.#inMessage) {
      this.#payload.gap(missing);
      this.#deliver('gap');
    }
    this.#inflate?.lose();
    this.#desync();
    this.#owner.lost(this.side, missing);
  }

  #desync(): void {
    this.#state = UNSYNCED;
    this.#inMessage = false;
    this.#lossy = true;
    this.#heldLength = 0;
    this.#remaining = 0;
  }
}
