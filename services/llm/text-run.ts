/**
 * Events that follow each other and differ in their text alone tell as much as one event with all of it. So the texts are
 * gathered as bytes, and decoded and told once for many events.
 *
 * A run begins with an event that was told by itself: the reader of the stream has said what such an event counts for.
 */
import type { ChunkTemplate } from './chunk-template.ts';

/** Text of some hundred tokens. */
const RUN_BYTES_MAX = 1024;
const EMPTY = Buffer.alloc(0);

export class TextRun {
  /** Of its events; null: there is no run. */
  chunk: ChunkTemplate | null = null;
  /** Whether its events bring content. */
  isContent = false;
  #bytes = EMPTY;
  #length = 0;
  /** What came before the bytes. */
  #text = '';

  get heldBytes(): number {
    return this.#bytes.length + 2 * this.#text.length;
  }

  begin(chunk: ChunkTemplate, isContent: boolean): void {
    this.chunk = chunk;
    this.isContent = isContent;
  }

  /** Adds the text of an event that the run's template has read from `view`; false when it must be told by itself. */
  add(chunk: ChunkTemplate, view: DataView): boolean {
    const { from, to } = chunk;
    if (chunk !== this.chunk || !chunk.isPlain || from === to || this.#length + to - from > RUN_BYTES_MAX) return false;
    if (this.#bytes.length === 0) this.#bytes = Buffer.allocUnsafe(RUN_BYTES_MAX);
    let at = this.#length;
    for (let i = from; i < to; i++) this.#bytes[at++] = view.getUint8(i);
    this.#length = at;
    return true;
  }

  /** The same for an event whose text had to be decoded. */
  addText(chunk: ChunkTemplate, text: string): boolean {
    if (chunk !== this.chunk || text === '' || this.#text.length + text.length > RUN_BYTES_MAX) return false;
    this.#text += this.#decoded() + text;
    return true;
  }

  /** What was gathered, '' = nothing. The run is over. */
  end(): string {
    this.chunk = null;
    const text = this.#text + this.#decoded();
    this.#text = '';
    return text;
  }

  #decoded(): string {
    if (this.#length === 0) return '';
    const text = this.#bytes.toString('latin1', 0, this.#length);
    this.#length = 0;
    return text;
  }
}
