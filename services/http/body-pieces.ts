/**
 * The pieces of a body that one frame brought, handed on together. An answer comes as many small ones, an event a segment: each by
 * itself would pass every layer above, and be a view of its own.
 */
import type { BodyConsumer } from './exchange.ts';

/** Pieces that are gathered; then they are handed on. */
const PIECES_MAX = 1024;
const EMPTY = Buffer.alloc(0);

/** A consumer that takes them together. */
export interface PiecesConsumer extends BodyConsumer {
  pieces(pieces: BodyPieces): void;
}

export function takesPieces(consumer: BodyConsumer | null): consumer is PiecesConsumer {
  return consumer?.pieces !== undefined;
}

/** One for all connections: what is gathered is handed on before anything else is told, and at a frame's end at the latest. */
export class BodyPieces {
  /** The frame's payload, which may be kept. */
  buffer: Buffer = EMPTY;
  count = 0;
  /** Where each of them stands in `buffer`, and when it came. They are used again: valid while they are handed on. */
  readonly starts = new Int32Array(PIECES_MAX);
  readonly ends = new Int32Array(PIECES_MAX);
  readonly times = new Float64Array(PIECES_MAX);
  #consumer: PiecesConsumer | null = null;

  add(consumer: PiecesConsumer, buffer: Buffer, start: number, end: number, time: number): void {
    if (consumer !== this.#consumer || buffer !== this.buffer || this.count === PIECES_MAX) {
      this.flush();
      this.#consumer = consumer;
      this.buffer = buffer;
    }
    const at = this.count++;
    this.starts[at] = start;
    this.ends[at] = end;
    this.times[at] = time;
  }

  flush(): void {
    if (this.count === 0) return;
    this.#consumer?.pieces(this);
    this.count = 0;
    this.buffer = EMPTY;
    this.#consumer = null;
  }

  /** Gives them to a consumer one by one. */
  each(consumer: BodyConsumer): void {
    for (let n = 0; n < this.count; n++)
      consumer.data(this.buffer.subarray(this.starts[n], this.ends[n]), this.times[n]!);
  }
}
