/**
 * Field lines repeat from request to request (`content-type: application/json`, `user-agent: …`). This table gives the
 * strings of a line that was seen before without making them again. Lines with credentials are never put in.
 */

export interface HeaderLine {
  readonly name: string;
  readonly value: string;
  readonly bytes: Buffer;
}

/** Slots, one line each (direct-mapped; a newer line replaces an older one). A power of two. */
const SLOTS = 2048;
/** Longer lines are not kept, so that the table stays below about 1 MB. */
const LINE_BYTES_MAX = 256;

export const HASH_SEED = 0x811c9dc5 | 0;
/** FNV-1a's prime: the caller hashes a line while it looks for its end. */
export const HASH_PRIME = 16777619;

export class HeaderLineCache {
  readonly #slots: (HeaderLine | undefined)[] = new Array<HeaderLine | undefined>(SLOTS).fill(undefined);

  get(hash: number, buffer: Buffer, start: number, end: number): HeaderLine | undefined {
    const line = this.#slots[hash & (SLOTS - 1)];
    if (line === undefined) return undefined;
    const bytes = line.bytes;
    const length = end - start;
    if (bytes.length !== length) return undefined;
    for (let i = 0; i < length; i++) if (bytes[i] !== buffer[start + i]) return undefined;
    return line;
  }

  put(hash: number, buffer: Buffer, start: number, end: number, name: string, value: string): void {
    if (end - start > LINE_BYTES_MAX) return;
    this.#slots[hash & (SLOTS - 1)] = { name, value, bytes: Buffer.from(buffer.subarray(start, end)) };
  }
}
