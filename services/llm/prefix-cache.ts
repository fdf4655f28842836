/**
 * Lists of earlier requests with the borders and hashes of their elements.
 *
 * Request N+1 of a conversation begins its messages with nearly the bytes of request N. Comparing bytes is ten times cheaper
 * than scanning and hashing them, so what a list has in common with an earlier one is taken over. It changes nothing but
 * the work: an element is taken over only if every one of its bytes is equal.
 *
 * Each list (messages, tools, system …) is kept on its own, so that the tools are found again by a new conversation, and
 * when they stand behind messages that grew. A list that continues an earlier one takes its place, in the same buffer.
 */
import type { ContentHash } from '../common/types.ts';
import type { ScannedMember } from './json/scan.ts';
import { CLOSE_LIST, CLOSE_OBJECT, QUOTE } from './json/skip.ts';

/** Lists with one key (same client, host, path, member) that are kept; each lookup may have to reject all of them. */
const CANDIDATES_MAX = 64;
/** Smaller members cost less to scan than to look up. */
const MEMBER_BYTES_MIN = 512;
/** Bytes that are compared before a candidate is compared in full. */
const PROBE_BYTES = 24;
const COMPARE_STEP_BYTES = 8192;
/** What an entry weighs besides its bytes: borders, a hash and a state for each element. */
const ELEMENT_WEIGHT_BYTES = 128;

interface Entry {
  readonly key: string;
  bytes: Buffer;
  /** Bytes of `bytes` in use: from the member's start to the end of its last element. */
  length: number;
  starts: number[];
  ends: number[];
  hashes: ContentHash[];
  states: unknown[];
  settled: ScannedMember['settled'];
}

/** What `reuse` found for a member, until `store`. */
class Basis {
  readonly entry: Entry;
  readonly equal: number;

  constructor(entry: Entry, equal: number) {
    this.entry = entry;
    this.equal = equal;
  }
}

function weightOf(entry: Entry): number {
  return entry.bytes.length + entry.ends.length * ELEMENT_WEIGHT_BYTES;
}

/** Number of equal bytes at the beginning of `a[0, aLength)` and `b[bAt, …)`. */
function commonPrefix(a: Buffer, aLength: number, b: Buffer, bAt: number): number {
  const length = Math.min(aLength, b.length - bAt);
  let at = 0;
  let step = COMPARE_STEP_BYTES * 8;
  while (at < length) {
    const next = Math.min(at + step, length);
    if (a.compare(b, bAt + at, bAt + next, at, next) === 0) {
      at = next;
      continue;
    }
    if (step > 64) {
      step >>= 2;
      continue;
    }
    while (at < next && a[at] === b[bAt + at]) at++;
    return at;
  }
  return length;
}

/** A number's or literal's end is only known from the byte behind it; strings and containers end by themselves. */
function endsByItself(bytes: Buffer, end: number): boolean {
  const last = bytes[end - 1];
  return last === CLOSE_OBJECT || last === QUOTE || last === CLOSE_LIST;
}

/** Whether the bytes before the end of the entry's third last element are there: cheap, and wrong for nearly every other conversation. */
function probe(entry: Entry, bytes: Buffer, start: number): boolean {
  const count = entry.ends.length;
  const border = entry.ends[count > 2 ? count - 3 : 0]!;
  if (start + border > bytes.length) return false;
  const from = Math.max(0, border - PROBE_BYTES);
  for (let i = border - 1; i >= from; i--) if (entry.bytes[i] !== bytes[start + i]) return false;
  return true;
}

function reusable(entry: Entry, equal: number): number {
  let low = 0;
  let high = entry.ends.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (entry.ends[middle - 1]! <= equal) low = middle;
    else high = middle - 1;
  }
  while (low > 0 && !endsByItself(entry.bytes, entry.ends[low - 1]!)) low--;
  return low;
}

export interface PrefixCacheStats {
  lookups: number;
  hits: number;
  /** Bytes that needn't be scanned or hashed. */
  reusedBytes: number;
}

export class PrefixCache {
  readonly stats: PrefixCacheStats = { lookups: 0, hits: 0, reusedBytes: 0 };
  readonly #bytesMax: number;
  readonly #buckets = new Map<string, Entry[]>();
  /** All entries, the one used longest ago first. */
  readonly #age = new Set<Entry>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds to `member` the parts that an earlier list with this key has in common with it. */
  reuse(key: string, bytes: Buffer, member: ScannedMember): void {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined || bytes.length - member.start < MEMBER_BYTES_MIN) return;
    this.stats.lookups++;
    const entry = this.#best(bucket, bytes, member.start);
    if (entry === null) return;
    const equal = commonPrefix(entry.bytes, entry.length, bytes, member.start);
    const count = reusable(entry, equal);
    if (count === 0) return;
    this.stats.hits++;
    this.stats.reusedBytes += entry.ends[count - 1]!;
    member.starts = entry.starts.slice(0, count);
    member.ends = entry.ends.slice(0, count);
    member.hashes = entry.hashes.slice(0, count);
    member.states = entry.states.slice(0, count);
    member.settled = { count: Math.min(entry.settled.count, count), epoch: entry.settled.epoch };
    member.basis = new Basis(entry, equal);
  }

  /** The longest candidate that passes the probe, else the one used last. */
  #best(bucket: readonly Entry[], bytes: Buffer, start: number): Entry | null {
    let best: Entry | null = null;
    for (const entry of bucket) {
      if (best !== null && entry.length <= best.length) continue;
      if (probe(entry, bytes, start)) best = entry;
    }
    return best ?? bucket[bucket.length - 1] ?? null;
  }

  /** Keeps a member whose parts are all hashed. */
  store(key: string, bytes: Buffer, member: ScannedMember): void {
    const count = member.ends.length;
    if (this.#bytesMax === 0 || count === 0) return;
    const length = member.ends[count - 1]!;
    if (length < MEMBER_BYTES_MIN || length * 2 > this.#bytesMax) return;
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) this.#buckets.set(key, (bucket = []));
    const basis = member.basis instanceof Basis ? member.basis : null;
    const old = basis !== null && this.#age.has(basis.entry) ? basis.entry : null;
    const equal = basis?.equal ?? 0;
    if (old !== null && equal * 4 >= old.length * 3 && length >= old.length) {
      this.#continue(old, bytes, member, equal);
    } else if (old === null || equal < length) {
      this.#insert(bucket, key, bytes, member);
      return;
    }
    this.#touch(bucket, old!);
  }

  /** `member` begins like `entry` and goes on: only the new bytes are copied. */
  #continue(entry: Entry, bytes: Buffer, member: ScannedMember, equal: number): void {
    const length = member.ends[member.ends.length - 1]!;
    this.#bytes -= weightOf(entry);
    if (length > entry.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(length + (length >> 1));
      entry.bytes.copy(grown, 0, 0, equal);
      entry.bytes = grown;
    }
    bytes.copy(entry.bytes, equal, member.start + equal, member.start + length);
    entry.length = length;
    this.#take(entry, member);
  }

  #insert(bucket: Entry[], key: string, bytes: Buffer, member: ScannedMember): void {
    const length = member.ends[member.ends.length - 1]!;
    const copy = Buffer.allocUnsafeSlow(length + (length >> 2));
    bytes.copy(copy, 0, member.start, member.start + length);
    const entry: Entry = {
      key,
      bytes: copy,
      length,
      starts: [],
      ends: [],
      hashes: [],
      states: [],
      settled: member.settled,
    };
    bucket.push(entry);
    this.#age.add(entry);
    this.#take(entry, member);
    if (bucket.length > CANDIDATES_MAX) this.#drop(bucket[0]!);
  }

  /** The member's arrays become the entry's: a scanned member isn't changed any more. */
  #take(entry: Entry, member: ScannedMember): void {
    entry.starts = member.starts;
    entry.ends = member.ends;
    entry.hashes = member.hashes;
    entry.states = member.states;
    entry.settled = member.settled;
    this.#bytes += weightOf(entry);
    while (this.#bytes > this.#bytesMax) {
      const oldest = this.#age.values().next();
      if (oldest.done) return;
      this.#drop(oldest.value);
    }
  }

  #touch(bucket: Entry[], entry: Entry): void {
    if (!this.#age.delete(entry)) return;
    this.#age.add(entry);
    if (bucket[bucket.length - 1] === entry) return;
    bucket.splice(bucket.indexOf(entry), 1);
    bucket.push(entry);
  }

  #drop(entry: Entry): void {
    if (!this.#age.delete(entry)) return;
    this.#bytes -= weightOf(entry);
    const bucket = this.#buckets.get(entry.key);
    if (bucket === undefined) return;
    bucket.splice(bucket.indexOf(entry), 1);
    if (bucket.length === 0) this.#buckets.delete(entry.key);
  }
}
