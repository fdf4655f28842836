/**
 * Stories of sessions that may go on, within a limit of bytes:
 *
 *     live     as objects, told lately                         a call costs what it costs
 *     packed   their calls as bytes (packing/)                 told again from memory when they go on
 *     gone     the oldest above the limit, and long ones       told again from the stored calls
 *
 * A long story isn't packed: to tell it again costs more than its memory is worth. Short and long ones live side by side, so that
 * neither drives the other out.
 */
import { packCalls, type Unpacked, unpackCalls } from './packing/packed-calls.ts';
import { Names } from './packing/texts.ts';
import type { SessionStory } from './session.ts';
import { WeightedLru } from './weighted-lru.ts';

/** Shares of the limit. Packed stories have the rest. */
const SHORT_SHARE = 0.05;
const LONG_SHARE = 0.2;

/** What a live story takes, bytes (`tracker.bench.ts` measures it): by itself, for each call told, for each call kept to be packed, and tool call of those. */
const STORY_BYTES = 12_000;
const CALL_BYTES = 700;
const KEPT_CALL_BYTES = 2500;
const KEPT_TOOL_BYTES = 800;
/** What packed bytes take besides themselves. */
const PACKED_BYTES = 400;

export class StoryCache {
  readonly #short: WeightedLru<SessionStory>;
  readonly #long: WeightedLru<SessionStory>;
  readonly #packed: WeightedLru<Buffer>;
  readonly #names = new Names();

  /** `bytesMax`: of all stories, as estimated. */
  constructor(bytesMax: number) {
    this.#short = new WeightedLru(bytesMax * SHORT_SHARE);
    this.#long = new WeightedLru(bytesMax * LONG_SHARE);
    this.#packed = new WeightedLru(bytesMax * (1 - SHORT_SHARE - LONG_SHARE));
  }

  /** Live and packed. */
  get size(): number {
    return this.#short.size + this.#long.size + this.#packed.size;
  }

  /** Bytes that they take, as estimated. */
  get bytes(): number {
    return this.#short.weight + this.#long.weight + this.#packed.weight;
  }

  get packed(): number {
    return this.#packed.size;
  }

  /** The live one. */
  get(sessionId: string): SessionStory | undefined {
    return this.#short.get(sessionId) ?? this.#long.get(sessionId);
  }

  /** The calls of a packed one, which is forgotten: it goes on as a live one. */
  unpack(sessionId: string): Unpacked | null {
    const packed = this.#packed.take(sessionId);
    return packed === undefined ? null : unpackCalls(packed, this.#names);
  }

  /** It was told just now: others go first. */
  set(sessionId: string, story: SessionStory): void {
    this.delete(sessionId);
    const { size, kept } = story;
    if (kept === null) this.#long.set(sessionId, story, STORY_BYTES + size * CALL_BYTES);
    else {
      const tools = kept.reduce((sum, { asked, results }) => sum + asked.length + results.length, 0);
      const bytes = STORY_BYTES + kept.length * KEPT_CALL_BYTES + tools * KEPT_TOOL_BYTES;
      this.#short.set(sessionId, story, bytes);
    }
  }

  delete(sessionId: string): void {
    this.#short.take(sessionId);
    this.#long.take(sessionId);
    this.#packed.take(sessionId);
  }

  clear(): void {
    for (const stories of [this.#short, this.#long, this.#packed]) stories.clear();
  }

  /** Brings the stories, all of which were told, below the limits. */
  shrink(): void {
    for (const [sessionId, { kept, lasting }] of this.#short.excess()) {
      const packed = packCalls(kept ?? [], lasting, this.#names);
      this.#packed.set(sessionId, packed, packed.length + PACKED_BYTES);
    }
    this.#long.excess();
    this.#packed.excess();
  }
}
