/**
 * One capture stream, cut anywhere: detects the format, keeps the bytes of a record that a chunk's end cut in two, and
 * hands whole records to the reader in place.
 */
import { MAGIC_BYTES, readerFor } from './detect.ts';
import type { PacketSink, RecordReader } from './packet-sink.ts';

export class CaptureSource {
  readonly name: string;
  readonly #sink: PacketSink;
  #reader: RecordReader | null = null;
  #unreadable = false;
  #unreadBytes = 0;
  /** The cut record: `#carry[0 … #carried)`. It grows with the bytes that came, not with what a header claims. */
  #carry: Buffer = Buffer.alloc(0);
  #carried = 0;

  constructor(name: string, sink: PacketSink) {
    this.name = name;
    this.#sink = sink;
  }

  write(chunk: Buffer): void {
    let at = 0;
    while (this.#carried > 0 && at < chunk.length && !this.#unreadable) at = this.#completeCarried(chunk, at);
    if (!this.#unreadable && at < chunk.length) at = this.#readInPlace(chunk, at);
    if (this.#unreadable) this.#unreadBytes += chunk.length - at;
    else if (at < chunk.length) this.#keep(chunk, at, chunk.length);
  }

  /** The stream has ended: a record that was cut by the end is counted. */
  end(): void {
    if (this.#carried > 0 && !this.#unreadable) {
      this.#sink.note(`${this.name} ends in the middle of a record (${this.#carried} bytes of it are there).`);
      this.#sink.damaged(1, this.#carried);
    }
    if (this.#unreadBytes > 0) this.#sink.damaged(1, this.#unreadBytes);
    this.#carried = 0;
    this.#unreadBytes = 0;
    this.#carry = Buffer.alloc(0);
  }

  /** Copies just as much as the cut record needs, then reads it. Returns how far the chunk is used. */
  #completeCarried(chunk: Buffer, start: number): number {
    const need = this.#reader === null ? MAGIC_BYTES : this.#reader.need;
    const take = Math.min(chunk.length - start, Math.max(0, need - this.#carried));
    this.#keep(chunk, start, start + take);
    if (this.#carried >= need) {
      const used = this.#readInPlace(this.#carry, 0, this.#carried);
      if (this.#unreadable) this.#unreadBytes += this.#carried - used;
      else this.#carry.copyWithin(0, used, this.#carried);
      this.#carried = this.#unreadable ? 0 : this.#carried - used;
    }
    return start + take;
  }

  #readInPlace(bytes: Buffer, start: number, end: number = bytes.length): number {
    if (this.#reader === null) {
      if (end - start < MAGIC_BYTES) return start;
      this.#reader = readerFor(bytes, start, this.#sink);
      if (this.#reader === null) {
        this.#unreadable = true;
        this.#sink.note(`${this.name} is not a pcap or pcapng capture; nothing of it was read.`);
        return start;
      }
    }
    const used = this.#reader.read(bytes, start, end);
    if (this.#reader.stopped) this.#unreadable = true;
    return used;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const length = this.#carried + end - start;
    if (length > this.#carry.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(4096, 2 ** Math.ceil(Math.log2(length))));
      this.#carry.copy(larger, 0, 0, this.#carried);
      this.#carry = larger;
    }
    bytes.copy(this.#carry, this.#carried, start, end);
    this.#carried = length;
  }
}
