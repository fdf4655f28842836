/** Observations that wait to be stored, with what they weigh, cut into batches. */
import type { Call, Content, ObservationRecord } from '../../schemas/call.ts';
import type { Claim } from './claim.ts';
import type { KnownContents } from './known-contents.ts';

/** One observation that waits, with those of its contents that aren't stored for sure. */
export interface Queued {
  readonly observation: ObservationRecord;
  /** Null: nobody else will ever store it. */
  readonly claim: Claim | null;
  readonly contents: readonly Content[];
  /** What it adds to the memory in use, bytes, about. */
  readonly bytes: number;
}

export interface Batch {
  readonly entries: readonly Queued[];
  readonly bytes: number;
}

const EXCHANGE_BYTES = 1000;
const EXECUTION_BYTES = 1500;
const CALL_BYTES = 3000;
const CONTENT_BYTES = 100;
const HASH_BYTES = 50;

/**
 * A call brings its whole history, of which most is stored or waits already: such contents are dropped here, or shared with
 * the call that brought them first, so that neither memory nor batches grow with the length of conversations.
 */
export class SinkQueue {
  readonly #known: KnownContents;
  #entries: Queued[] = [];
  #bytes = 0;
  /** Contents that some entry of the queue brought first. */
  readonly #waiting = new Map<string, Content>();
  #oldest = 0;

  constructor(known: KnownContents) {
    this.#known = known;
  }

  get length(): number {
    return this.#entries.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Since when the first entry waits, ms of performance.now(). */
  get oldest(): number {
    return this.#oldest;
  }

  push(observation: ObservationRecord, claim: Claim | null = null): void {
    if (this.#entries.length === 0) this.#oldest = performance.now();
    const entry = this.#entryOf(observation, claim);
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
  }

  /** The first entries: at most `rowsMax`, and no more when they have `bytesMax` bytes. At least one, when there is one. */
  take(rowsMax: number, bytesMax: number): Batch {
    let rows = 0;
    let bytes = 0;
    while (rows < this.#entries.length && rows < rowsMax && bytes < bytesMax) bytes += this.#entries[rows++]!.bytes;
    const entries = this.#entries.slice(0, rows);
    this.#entries = this.#entries.slice(rows);
    this.#bytes -= bytes;
    this.#oldest = performance.now();
    for (const entry of entries) for (const content of entry.contents) this.#waiting.delete(content.hash);
    return { entries, bytes };
  }

  #entryOf(observation: ObservationRecord, claim: Claim | null): Queued {
    switch (observation.type) {
      case 'exchange':
        return { observation, claim, contents: [], bytes: EXCHANGE_BYTES };
      case 'tool_execution': {
        const { contents, bytes } = this.#unknown(observation.contents);
        return { observation: { ...observation, contents: [] }, claim, contents, bytes: EXECUTION_BYTES + bytes };
      }
      case 'contents': {
        const { contents, bytes } = this.#unknown(observation.contents);
        return { observation: { ...observation, contents: [] }, claim, contents, bytes };
      }
      case 'call': {
        const { contents, bytes } = this.#unknown(observation.contents);
        return {
          observation: { ...observation, contents: [] },
          claim,
          contents,
          bytes: callBytes(observation.call) + bytes,
        };
      }
    }
  }

  /** Those that aren't stored for sure, with what they add to memory. */
  #unknown(all: readonly Content[]): { readonly contents: readonly Content[]; readonly bytes: number } {
    const contents: Content[] = [];
    let bytes = 0;
    for (const content of all) {
      if (this.#known.has(content.hash)) continue;
      const waiting = this.#waiting.get(content.hash);
      if (waiting === undefined) {
        this.#waiting.set(content.hash, content);
        bytes += CONTENT_BYTES + content.text.length;
      }
      contents.push(waiting ?? content);
    }
    return { contents, bytes };
  }
}

function callBytes(call: Call): number {
  let bytes = CALL_BYTES + call.requestSkeleton.length + call.requestParts.length * HASH_BYTES;
  for (const text of call.toolArguments) bytes += text.length;
  return bytes;
}
