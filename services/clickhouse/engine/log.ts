/** A log file that can't grow without limit: when full it is renamed to `….1`, and the one before that is dropped. */
import { appendFileSync, renameSync, statSync } from 'node:fs';

export class BoundedLog {
  readonly file: string;
  readonly #bytesMax: number;
  #bytes: number;

  /** At most 2 × `bytesMax` bytes on disk. */
  constructor(file: string, bytesMax: number) {
    this.file = file;
    this.#bytesMax = bytesMax;
    this.#bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Synchronous: the engine writes a few lines a day, and the last words of a crash must not be lost. */
  write(bytes: Buffer): void {
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#bytesMax) {
      renameSync(this.file, `${this.file}.1`);
      this.#bytes = 0;
    }
    const kept = bytes.subarray(Math.max(0, bytes.length - this.#bytesMax));
    appendFileSync(this.file, kept, { mode: 0o600 });
    this.#bytes += kept.length;
  }

  note(sentence: string): void {
    this.write(Buffer.from(`${new Date().toISOString()} bittern: ${sentence}\n`));
  }
}
