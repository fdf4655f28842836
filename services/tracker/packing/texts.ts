/**
 * Texts of one story, each written once:
 *
 *     0            ''
 *     1 hash       32 hex digits that weren't there before
 *     2 text       any other text that wasn't there before
 *     3 + 2 n      the n-th text of this story
 *     4 + 2 n      the n-th name, of those that all stories share
 */
import { type ByteReader, type ByteWriter, isHash } from './bytes.ts';

const EMPTY = 0;
const HASH = 1;
const TEXT = 2;
const OWN = 3;
const SHARED = 4;

/** Names that are shared: of agents, models, tools … Traffic that makes up more pays for them in each story. */
const NAMES_MAX = 65_536;
const NAME_CHARS_MAX = 128;

/** Names that come in many stories. None is ever dropped: packed stories point at them. */
export class Names {
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [];

  /** Its number; -1: it isn't shared. */
  idOf(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    if (this.#names.length >= NAMES_MAX || name.length > NAME_CHARS_MAX) return -1;
    this.#ids.set(name, this.#names.length);
    return this.#names.push(name) - 1;
  }

  /** The one with this number. */
  at(id: number): string {
    return this.#names[id]!;
  }
}

export class TextWriter {
  readonly #to: ByteWriter;
  readonly #names: Names;
  readonly #own = new Map<string, number>();

  constructor(to: ByteWriter, names: Names) {
    this.#to = to;
    this.#names = names;
  }

  text(value: string): void {
    const own = this.#own.get(value);
    if (value === '') this.#to.number(EMPTY);
    else if (own !== undefined) this.#to.number(OWN + 2 * own);
    else this.#first(value);
  }

  #first(value: string): void {
    this.#own.set(value, this.#own.size);
    const hash = isHash(value);
    this.#to.number(hash ? HASH : TEXT);
    if (hash) this.#to.hash(value);
    else this.#to.text(value);
  }

  name(value: string): void {
    const id = value === '' ? -1 : this.#names.idOf(value);
    if (id < 0) this.text(value);
    else this.#to.number(SHARED + 2 * id);
  }
}

export class TextReader {
  readonly #from: ByteReader;
  readonly #names: Names;
  readonly #own: string[] = [];

  constructor(from: ByteReader, names: Names) {
    this.#from = from;
    this.#names = names;
  }

  /** A text or a name: the bytes tell. */
  text(): string {
    const tag = this.#from.number();
    if (tag === EMPTY) return '';
    if (tag > TEXT) return tag % 2 === 1 ? this.#own[(tag - OWN) / 2]! : this.#names.at((tag - SHARED) / 2);
    const value = tag === HASH ? this.#from.hash() : this.#from.text();
    this.#own.push(value);
    return value;
  }
}
