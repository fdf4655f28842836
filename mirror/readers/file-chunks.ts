/** The bytes of a file by chunks, in memory that is used again: what is allocated outside the heap by the megabyte is collected at every other moment. */
import { type FileHandle, open } from 'node:fs/promises';

export class FileChunks {
  /** Whether a chunk is valid only until the next one is asked for. Before the first one is read it isn't. */
  reuses = false;
  readonly #path: string;
  readonly #chunkBytes: number;
  #handle: FileHandle | null = null;

  constructor(path: string, chunkBytes: number) {
    this.#path = path;
    this.#chunkBytes = chunkBytes;
  }

  async *all(): AsyncGenerator<Buffer> {
    const handle = await open(this.#path);
    this.#handle = handle;
    let own: Buffer | null = null;
    try {
      for (;;) {
        const buffer: Buffer = own ?? Buffer.allocUnsafeSlow(this.#chunkBytes);
        const { bytesRead } = await handle.read(buffer, 0, this.#chunkBytes);
        if (bytesRead === 0) return;
        // Asked for anew each time: the first chunk, by which the file's kind is told, stays as it is.
        yield buffer.subarray(0, bytesRead);
        if (this.reuses && own === null) own = Buffer.allocUnsafeSlow(this.#chunkBytes);
      }
    } finally {
      this.close();
    }
  }

  close(): void {
    const handle = this.#handle;
    this.#handle = null;
    // Nothing was written: whatever closing it comes to, nothing is lost.
    handle?.close().catch(() => {});
  }
}
