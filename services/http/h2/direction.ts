/**
 * One direction of an HTTP/2 connection: finds its frames, puts header blocks together, decodes them, and says what is missing.
 *
 * A gap within a frame's payload costs that frame only, since its head tells where the next one begins. Any other gap costs the
 * place: frames are searched for from there, and the dynamic table is forgotten, since blocks that added to it may have been lost.
 */
import type { CredentialMasker } from '../credentials.ts';
import type { HttpOptions, HttpStats } from '../options.ts';
import {
  CONTINUATION,
  DATA,
  FLAG_END_STREAM,
  GOAWAY,
  HEADERS,
  PREFACE,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
} from './frame.ts';
import { type FrameHead, FrameReader, type FrameSink } from './frame-reader.ts';
import { type Found, FrameSearch } from './frame-search.ts';
import { HeaderBlock } from './header-block.ts';
import type { TableState } from './hpack/dynamic-table.ts';
import type { Field } from './hpack/field.ts';
import { HeaderDecoder } from './hpack/header-decoder.ts';

/** RFC 9113 section 6.5.2. */
const SETTINGS_HEADER_TABLE_SIZE = 1;
const SETTING_BYTES = 6;
const GOAWAY_BYTES = 8;
/** Most memory of a direction's dynamic table, whatever the peers agree on. */
export const TABLE_BYTES_MAX = 64 * 1024;

/** What happens on the streams of one direction. `direction` tells which. */
export interface DirectionOwner {
  /** A header block is complete, but not yet read: nothing of the direction's state has changed by it. */
  blockEnds(direction: Direction, block: HeaderBlock): void;
  /** `fields`: null when it can't be read. `time`: of its last byte. */
  block(direction: Direction, block: HeaderBlock, fields: Field[] | null, time: number): void;
  data(direction: Direction, stream: number, bytes: Buffer, time: number, offset: number): void;
  /** Bytes of this stream that weren't captured, from `offset` on; `content` of them are of its body. */
  dataMissing(direction: Direction, stream: number, missing: number, content: number, offset: number): void;
  /** A DATA frame is over; with `last` so is what this side sends on the stream. */
  dataEnd(direction: Direction, stream: number, last: boolean, time: number): void;
  reset(direction: Direction, stream: number): void;
  /** The sender takes no streams above `lastStream`. */
  goaway(direction: Direction, lastStream: number): void;
  /** The sender lets its peer use a dynamic table of this size. */
  tableSize(direction: Direction, bytes: number): void;
  /** `missing` bytes were not captured, and with them the place: any stream may have lost something. 0: nonsense came instead of a frame. `offset`: behind them. */
  lost(direction: Direction, missing: number, offset: number): void;
  /** Frames were found. `preface`: and before them the connection preface. */
  found(direction: Direction, preface: boolean): void;
}

/** Bytes that came together. */
interface Piece {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  /** Stream offset of the first. */
  readonly offset: number;
  readonly time: number;
}

/** What a successor must be told. */
export interface DirectionState {
  readonly synced: boolean;
  /** Bytes of the connection preface that have come. */
  readonly preface: number;
  readonly table: TableState;
}

export interface DirectionContext {
  readonly options: HttpOptions;
  readonly stats: HttpStats;
  readonly masker: CredentialMasker;
}

export class Direction implements FrameSink {
  fromClient: boolean;
  /** Stream offset of the next byte. */
  offset: number;
  /** Of the first byte of the segment that is being read: what comes before it was held, and is read late. */
  segmentOffset = 0;
  /** The highest stream that is believed where frames are searched for. */
  streamMax = 0x7fff_ffff;
  readonly #owner: DirectionOwner;
  readonly #stats: HttpStats;
  readonly #reader: FrameReader;
  readonly #block: HeaderBlock;
  readonly #decoder: HeaderDecoder;
  readonly #search = new FrameSearch();
  #synced: boolean;
  /** A complete block is being handled; `offset` may be ahead of it. */
  #inBlock = false;

  /** `preface`: bytes of the preface that have come; all of it for the server's direction, which has none. */
  constructor(
    fromClient: boolean,
    context: DirectionContext,
    owner: DirectionOwner,
    offset: number,
    state: { readonly synced: boolean; readonly preface: number; readonly table: TableState | null },
  ) {
    const { options, stats, masker } = context;
    this.fromClient = fromClient;
    this.#owner = owner;
    this.#stats = stats;
    this.offset = offset;
    this.#synced = state.synced;
    this.#reader = new FrameReader(this, stats, options.headBytesMax, state.synced ? state.preface : PREFACE.length);
    this.#block = new HeaderBlock(options.headBytesMax);
    this.#decoder = new HeaderDecoder(masker, TABLE_BYTES_MAX, options.headersMax, state.synced);
    if (state.table !== null) this.#decoder.table.restore(state.table);
  }

  get synced(): boolean {
    return this.#synced;
  }

  get heldBytes(): number {
    const { bytes } = this.#decoder.table;
    return bytes + this.#reader.heldBytes + this.#block.heldBytes + this.#search.heldBytes;
  }

  /** Nothing of a frame, of a header block or of what may be one is held. */
  get atBorder(): boolean {
    return this.border === this.offset;
  }

  /** Stream offset from which a successor must read. */
  get border(): number {
    if (!this.#synced) return this.offset - this.#search.length;
    return this.#block.open || this.#inBlock ? this.#block.offset : this.offset - this.#reader.begun;
  }

  /** At `border`. */
  get state(): DirectionState {
    return { synced: this.#synced, preface: this.#reader.preface, table: this.#decoder.table.state };
  }

  agreeTableSize(bytes: number): void {
    this.#decoder.table.agree(bytes);
  }

  /** The next bytes, of one segment. */
  read(buffer: Buffer, start: number, end: number, time: number): void {
    const { offset } = this;
    this.segmentOffset = offset;
    this.offset += end - start;
    const at = this.#synced ? this.#frames(buffer, start, end, offset, time) : start;
    if (at < end) this.#resync([{ buffer, start: at, end, offset: offset + at - start, time }]);
  }

  /** `missing` bytes were sent and not captured. */
  gap(missing: number): void {
    this.#stats.gaps++;
    this.#stats.gapBytes += missing;
    this.offset += missing;
    if (!this.#synced) {
      this.#stats.skippedBytes += this.#search.clear();
      this.#owner.lost(this, missing, this.offset);
      return;
    }
    const behind = this.#reader.gap(missing);
    if (behind === 0) return;
    this.#stats.lostByGap++;
    this.#lose(behind, this.offset);
  }

  /** No byte follows. */
  end(): void {
    if (this.#synced) {
      this.#stats.skippedBytes += this.#reader.reset();
      return;
    }
    this.segmentOffset = this.offset;
    const held = this.#search.length;
    const found = this.#search.finish(this.streamMax);
    this.#stats.skippedBytes += held - (found?.bytes.length ?? 0);
    if (found !== null) this.#resync(this.#take(found, this.offset));
    this.#stats.skippedBytes += this.#search.clear();
  }

  // ---- frames, from the reader

  data(frame: FrameHead, buffer: Buffer, start: number, end: number, time: number, offset: number): void {
    this.#interrupted(DATA);
    this.#owner.data(this, frame.stream, buffer.subarray(start, end), time, offset);
  }

  dataMissing(frame: FrameHead, missing: number, content: number, offset: number): void {
    this.#owner.dataMissing(this, frame.stream, missing, content, offset);
  }

  dataEnd(frame: FrameHead, time: number): void {
    this.#interrupted(DATA);
    this.#owner.dataEnd(this, frame.stream, (frame.flags & FLAG_END_STREAM) !== 0, time);
  }

  frame(frame: FrameHead, buffer: Buffer | null, start: number, end: number, time: number): void {
    this.#interrupted(frame.type);
    switch (frame.type) {
      case HEADERS:
      case CONTINUATION:
      case PUSH_PROMISE:
        if (this.#block.frame(frame, buffer, start, end)) this.#blockComplete(time);
        break;
      case RST_STREAM:
        this.#owner.reset(this, frame.stream);
        break;
      case SETTINGS:
        if (buffer !== null) this.#settings(buffer, start, end);
        break;
      case GOAWAY:
        if (buffer !== null && end - start >= GOAWAY_BYTES) {
          this.#owner.goaway(this, buffer.readUInt32BE(start) & 0x7fff_ffff);
        }
        break;
    }
  }

  /** Nothing may stand between the frames of a header block: where something does, its rest was lost or never came. */
  #interrupted(type: number): void {
    if (!this.#block.open || type === CONTINUATION) return;
    this.#block.drop();
    this.#decoder.table.forget();
  }

  #blockComplete(time: number): void {
    const block = this.#block;
    this.#inBlock = true;
    this.#owner.blockEnds(this, block);
    let fields: Field[] | null = null;
    if (block.unreadable) this.#decoder.table.forget();
    else fields = this.#decoder.decode(block.bytes, block.start, block.end);
    this.#owner.block(this, block, fields, time);
    block.drop();
    this.#inBlock = false;
  }

  #settings(buffer: Buffer, start: number, end: number): void {
    for (let at = start; at + SETTING_BYTES <= end; at += SETTING_BYTES) {
      if (buffer.readUInt16BE(at) !== SETTINGS_HEADER_TABLE_SIZE) continue;
      this.#owner.tableSize(this, buffer.readUInt32BE(at + 2));
    }
  }

  // ---- where frames begin

  /** Reads frames; returns `end`, or where sync was lost since what stands there is none. */
  #frames(buffer: Buffer, start: number, end: number, offset: number, time: number): number {
    const at = this.#reader.read(buffer, start, end, offset, time);
    if (at === end) return end;
    // It would make the peer end the connection: the direction isn't what we take it for, or not here.
    this.#stats.lostByDamage++;
    this.#lose(0, offset + at - start);
    return at;
  }

  /** `offset`: behind what is lost. */
  #lose(missing: number, offset: number): void {
    this.#stats.skippedBytes += this.#reader.reset();
    this.#block.drop();
    this.#decoder.table.forget();
    this.#synced = false;
    this.#owner.lost(this, missing, offset);
  }

  /** Searches through the pieces, and reads on where frames are found; again and again if it must be. */
  #resync(pieces: Piece[]): void {
    const queue = pieces;
    for (let piece = queue.shift(); piece !== undefined; piece = queue.shift()) {
      const { buffer, end, offset, time } = piece;
      let { start } = piece;
      if (this.#synced) start = this.#frames(buffer, start, end, offset, time);
      if (start === end) continue;
      const held = this.#search.length;
      const found = this.#search.add(buffer, start, end, time, this.streamMax);
      this.#stats.skippedBytes += held + end - start - (found?.bytes.length ?? this.#search.length);
      if (found !== null) queue.unshift(...this.#take(found, offset + end - piece.start));
    }
  }

  /** What was found, as pieces. `offset`: stream offset behind it. */
  #take({ bytes, arrivals, preface }: Found, offset: number): Piece[] {
    this.#synced = true;
    this.#reader.reset();
    this.#owner.found(this, preface);
    let start = 0;
    return arrivals.map(({ end, time }) => {
      const piece = { buffer: bytes, start, end, offset: offset - bytes.length + start, time };
      start = end;
      return piece;
    });
  }
}
