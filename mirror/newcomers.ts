/**
 * What was seen of something once, and is kept until it goes on: keys, some numbers and bytes in flat arrays, without an object. So a
 * flood of beginnings that nothing follows costs little and leaves no garbage. When there is no place, the oldest goes.
 */
import { randomInt } from 'node:crypto';

export const KEY_WORDS = 11;
/** Whole numbers (int32) and other ones that an entry has for whatever its owner wants. */
export const INTS = 6;
export const DOUBLES = 3;
const NONE = -1;
/** How large the arrays are at first; they grow with what there is. */
const ENTRIES_FIRST = 256;
const BYTES_FIRST = 64 * 1024;

/** Secret of this process: nobody can choose keys that all fall into one bucket. */
const SECRET = randomInt(2 ** 32) | 0;
const FACTOR = randomInt(2 ** 32) | 1;

export class Newcomers {
  /** The key that `find` and `add` are about: to be filled in before. */
  readonly key = new Int32Array(KEY_WORDS);
  size = 0;
  readonly #entriesMax: number;
  readonly #bytesMax: number;
  /** Called before an entry goes that wasn't taken. */
  readonly #lost: (entry: number) => void;
  #places = new Places(0);
  #free = NONE;
  #used = 0;
  #oldest = NONE;
  #newest = NONE;
  /** Bytes ever written to the ring of bytes. */
  #written = 0;

  /** @param entriesMax a power of two @param bytesMax of the bytes of all entries; more than an entry's own */
  constructor(entriesMax: number, bytesMax: number, lost: (entry: number) => void) {
    this.#entriesMax = entriesMax;
    this.#bytesMax = bytesMax;
    this.#lost = lost;
  }

  /** Places for entries; a power of two. */
  get #capacity(): number {
    return this.#places.hashes.length;
  }

  /** The oldest entry; -1: there is none. */
  get oldest(): number {
    return this.#oldest;
  }

  /** The entries' numbers: INTS and DOUBLES of each. Other arrays after the next `add`. */
  get ints(): Int32Array {
    return this.#places.ints;
  }

  get doubles(): Float64Array {
    return this.#places.doubles;
  }

  get keys(): Int32Array {
    return this.#places.keys;
  }

  /** An entry's bytes are `bytes[offsetOf(entry) … + lengthOf(entry))`, until the next `add`. */
  get bytes(): Buffer {
    return this.#places.bytes;
  }

  offsetOf(entry: number): number {
    return this.#places.offsets[entry]! % Math.max(1, this.#places.bytes.length);
  }

  lengthOf(entry: number): number {
    return this.#places.lengths[entry]!;
  }

  /** The key's hash. */
  hash(): number {
    return hashOf(this.key);
  }

  /** The entry of `key`, or the one after `previous` with the same key; -1: there is none. */
  find(previous = NONE): number {
    const places = this.#places;
    if (this.size === 0) return NONE;
    const hash = hashOf(this.key);
    let at = previous === NONE ? places.heads[hash & (this.#capacity - 1)]! : places.chain[previous]!;
    while (at !== NONE && !(places.hashes[at] === hash && this.#hasKey(places, at))) at = places.chain[at]!;
    return at;
  }

  /** A new entry of `key`, which must not be looked for under another one; its numbers are those of an entry before it. */
  add(bytes: Buffer, start: number, length: number): number {
    const offset = length === 0 ? this.#written : this.#room(length);
    if (this.size === this.#entriesMax) this.loseOldest();
    else if (this.size === this.#capacity) this.#growEntries();
    const places = this.#places;
    const entry = this.#place(places);
    const hash = hashOf(this.key);
    const bucket = hash & (this.#capacity - 1);
    places.keys.set(this.key, entry * KEY_WORDS);
    places.hashes[entry] = hash;
    places.chain[entry] = places.heads[bucket]!;
    places.heads[bucket] = entry;
    places.offsets[entry] = offset;
    places.lengths[entry] = length;
    if (length > 0) bytes.copy(places.bytes, offset % places.bytes.length, start, start + length);
    places.older[entry] = this.#newest;
    places.newer[entry] = NONE;
    if (this.#newest === NONE) this.#oldest = entry;
    else places.newer[this.#newest] = entry;
    this.#newest = entry;
    this.size++;
    return entry;
  }

  /** The entry goes, as it has become something else. */
  remove(entry: number): void {
    const places = this.#places;
    const bucket = places.hashes[entry]! & (this.#capacity - 1);
    if (places.heads[bucket] === entry) places.heads[bucket] = places.chain[entry]!;
    else {
      let at = places.heads[bucket]!;
      while (places.chain[at] !== entry) at = places.chain[at]!;
      places.chain[at] = places.chain[entry]!;
    }
    const older = places.older[entry]!;
    const newer = places.newer[entry]!;
    if (older === NONE) this.#oldest = newer;
    else places.newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else places.older[newer] = older;
    places.chain[entry] = this.#free;
    this.#free = entry;
    this.size--;
  }

  /** All go; those that are lost are told. */
  clear(): void {
    while (this.#oldest !== NONE) this.loseOldest();
  }

  loseOldest(): void {
    const entry = this.#oldest;
    this.#lost(entry);
    this.remove(entry);
  }

  #place(places: Places): number {
    const entry = this.#free;
    if (entry === NONE) return this.#used++;
    this.#free = places.chain[entry]!;
    return entry;
  }

  /** Where `length` bytes go, in one piece; when there can't be more, whose bytes were there is lost. */
  #room(length: number): number {
    for (;;) {
      const { bytes, offsets } = this.#places;
      const left = bytes.length === 0 ? 0 : bytes.length - (this.#written % bytes.length);
      const offset = this.#written + (length > left ? left : 0);
      const overwritten = offset + length - bytes.length;
      if (bytes.length < this.#bytesMax && (length > bytes.length || offsets[this.#oldest]! < overwritten)) {
        this.#growBytes(length);
        continue;
      }
      this.#written = offset + length;
      while (this.#oldest !== NONE && offsets[this.#oldest]! < overwritten) this.loseOldest();
      return offset;
    }
  }

  #growBytes(length: number): void {
    const places = this.#places;
    const { bytes, offsets, lengths, newer } = places;
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#bytesMax, Math.max(BYTES_FIRST, (bytes.length + length) * 2)));
    let end = 0;
    for (let entry = this.#oldest; entry !== NONE; entry = newer[entry]!) {
      const start = this.offsetOf(entry);
      bytes.copy(larger, end, start, start + lengths[entry]!);
      offsets[entry] = end;
      end += lengths[entry]!;
    }
    places.bytes = larger;
    this.#written = end;
  }

  #growEntries(): void {
    const old = this.#places;
    const places = new Places(Math.min(this.#entriesMax, Math.max(ENTRIES_FIRST, this.#capacity * 2)));
    for (const name of COLUMNS) places[name].set(old[name]);
    places.bytes = old.bytes;
    for (let entry = this.#oldest; entry !== NONE; entry = places.newer[entry]!) {
      const bucket = places.hashes[entry]! & (places.hashes.length - 1);
      places.chain[entry] = places.heads[bucket]!;
      places.heads[bucket] = entry;
    }
    this.#places = places;
  }

  #hasKey(places: Places, entry: number): boolean {
    const { key } = this;
    const { keys } = places;
    for (let word = 0, at = entry * KEY_WORDS; word < KEY_WORDS; word++, at++) if (keys[at] !== key[word]) return false;
    return true;
  }
}

/** What stays as it is when there are more places. */
const COLUMNS = ['keys', 'ints', 'doubles', 'hashes', 'older', 'newer', 'offsets', 'lengths'] as const;

class Places {
  readonly keys: Int32Array;
  readonly ints: Int32Array;
  readonly doubles: Float64Array;
  readonly hashes: Int32Array;
  readonly heads: Int32Array;
  /** The next one of the same bucket, or of the free ones. */
  readonly chain: Int32Array;
  readonly older: Int32Array;
  readonly newer: Int32Array;
  readonly offsets: Float64Array;
  readonly lengths: Int32Array;
  bytes: Buffer;

  constructor(entries: number) {
    this.keys = new Int32Array(entries * KEY_WORDS);
    this.ints = new Int32Array(entries * INTS);
    this.doubles = new Float64Array(entries * DOUBLES);
    this.hashes = new Int32Array(entries);
    this.heads = new Int32Array(entries).fill(NONE);
    this.chain = new Int32Array(entries);
    this.older = new Int32Array(entries);
    this.newer = new Int32Array(entries);
    this.offsets = new Float64Array(entries);
    this.lengths = new Int32Array(entries);
    this.bytes = Buffer.alloc(0);
  }
}

/** Each step carries high bits down, since the buckets look at the low ones. */
function hashOf(key: Int32Array): number {
  let hash = SECRET;
  for (let word = 0; word < KEY_WORDS; word++) {
    hash = Math.imul(hash ^ key[word]!, FACTOR);
    hash ^= hash >>> 15;
  }
  return hash;
}
