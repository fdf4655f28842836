/**
 * The dynamic table of one direction (RFC 7541 sections 2.3.2 and 4), which may be known in part.
 *
 * Index 0 is the newest field. Behind the fields that are known lie those from before a join or a gap; what an index means
 * that reaches there nobody can tell. An index never means another field than the one here: fields leave at the old end only, so
 * one that is kept too long (the real size may be smaller than known) lies behind all that a peer can name.
 *
 *     index   0        1        …      length - 1 │  …
 *           newest                     oldest known │ never seen
 */
import { type Field, UNKNOWN_FIELD } from './field.ts';

/** RFC 9113 section 6.5.2: SETTINGS_HEADER_TABLE_SIZE until a peer says something else. */
export const TABLE_BYTES_INITIAL = 4096;
/** So many fields that left are cleared away together. */
const COMPACTED_AT = 64;

/** What a successor needs to read on. */
export interface TableState {
  /** Oldest first. */
  readonly fields: readonly Field[];
  /** Nothing is missing behind the oldest field. */
  readonly complete: boolean;
  /** Size that the encoder uses, bytes; what it may set at most. */
  readonly sizeMax: number;
  readonly sizeAgreed: number;
}

export class DynamicTable {
  readonly #bytesCap: number;
  /** Oldest first; those before `#from` are gone. */
  #fields: Field[] = [];
  #from = 0;
  #bytes = 0;
  #complete: boolean;
  #sizeMax = TABLE_BYTES_INITIAL;
  #sizeAgreed = TABLE_BYTES_INITIAL;
  #state: TableState | null = null;

  /** `bytesCap`: most bytes kept, whatever the peers agree on. */
  constructor(bytesCap: number, complete: boolean) {
    this.#bytesCap = bytesCap;
    this.#complete = complete;
    if (!complete) this.#sizeMax = this.#sizeAgreed = bytesCap;
  }

  get length(): number {
    return this.#fields.length - this.#from;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False: an index may lie behind the known fields with good reason. */
  get complete(): boolean {
    return this.#complete;
  }

  get(index: number): Field | undefined {
    return index < this.length ? this.#fields[this.#fields.length - 1 - index] : undefined;
  }

  add(field: Field): void {
    this.#state = null;
    this.#evict(this.#sizeMax - field.size);
    // Section 4.4: a field larger than the table empties it and isn't added. Where that is not certain it gets its place.
    if (field.size > this.#sizeMax && this.#complete) return;
    const kept = field.size <= this.#bytesCap ? field : UNKNOWN_FIELD;
    if (this.#bytes + kept.size > this.#bytesCap) this.#complete = false;
    this.#evict(this.#bytesCap - kept.size);
    this.#fields.push(kept);
    this.#bytes += kept.size;
  }

  /** The encoder changes its size (section 6.3). False: to more than was agreed. */
  resize(bytes: number): boolean {
    if (bytes > this.#sizeAgreed && this.#complete) return false;
    this.#state = null;
    this.#sizeMax = bytes;
    this.#evict(bytes);
    return true;
  }

  /** The decoding peer has allowed this size. One that was allowed before may still be in use. */
  agree(bytes: number): void {
    if (bytes <= this.#sizeAgreed) return;
    this.#state = null;
    this.#sizeAgreed = bytes;
  }

  /** Fields may have been added that weren't seen: no index says any more which field it means. */
  forget(): void {
    this.#state = null;
    this.#fields = [];
    this.#from = 0;
    this.#bytes = 0;
    this.#complete = false;
    this.#sizeMax = Math.max(this.#sizeMax, this.#sizeAgreed, this.#bytesCap);
  }

  /** Shared until the next change. */
  get state(): TableState {
    this.#state ??= {
      fields: this.#fields.slice(this.#from),
      complete: this.#complete,
      sizeMax: this.#sizeMax,
      sizeAgreed: this.#sizeAgreed,
    };
    return this.#state;
  }

  restore(state: TableState): void {
    this.#fields = [...state.fields];
    this.#from = 0;
    this.#bytes = state.fields.reduce((sum, { size }) => sum + size, 0);
    this.#complete = state.complete;
    this.#sizeMax = state.sizeMax;
    this.#sizeAgreed = state.sizeAgreed;
    this.#state = null;
  }

  /** Drops the oldest until at most `bytes` are left. */
  #evict(bytes: number): void {
    while (this.#bytes > bytes && this.length > 0) {
      this.#bytes -= this.#fields[this.#from]!.size;
      this.#from++;
    }
    if (this.#from < COMPACTED_AT || this.#from * 2 < this.#fields.length) return;
    this.#fields = this.#fields.slice(this.#from);
    this.#from = 0;
  }
}
