/**
 * Writes header blocks (RFC 7541) as different clients and servers do. `never`: no field is added to the dynamic table. `some`:
 * as nghttp2 does, not those that change from message to message. `all`: every field, as some Python and Rust libraries do.
 */
import { STATIC_TABLE } from '../../../services/http/h2/hpack/static-table.ts';

export type Indexing = 'never' | 'some' | 'all';
export type HeaderField = readonly [name: string, value: string];

const CHANGING: ReadonlySet<string> = new Set([':path', 'content-length', 'authorization', 'x-request-id', 'date']);
const TABLE_BYTES = 4096;
const OVERHEAD_BYTES = 32;

function integer(first: number, bits: number, value: number): number[] {
  const most = 2 ** bits - 1;
  if (value < most) return [first | value];
  const bytes = [first | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

const string = (text: string): number[] => {
  const bytes = Buffer.from(text, 'latin1');
  return [...integer(0, 7, bytes.length), ...bytes];
};

export class HeaderEncoder {
  readonly #indexing: Indexing;
  /** Newest first. */
  #table: HeaderField[] = [];

  constructor(indexing: Indexing) {
    this.#indexing = indexing;
  }

  encode(fields: readonly HeaderField[]): Buffer {
    return Buffer.from(fields.flatMap((field) => this.#field(field)));
  }

  #field([name, value]: HeaderField): number[] {
    const all = [...STATIC_TABLE.map((field): HeaderField => [field.name!, field.value!]), ...this.#table];
    const whole = all.findIndex((known) => known[0] === name && known[1] === value);
    if (whole >= 0) return integer(0x80, 7, whole + 1);
    const named = all.findIndex((known) => known[0] === name) + 1;
    const added = this.#indexing === 'all' || (this.#indexing === 'some' && !CHANGING.has(name));
    const index = added ? integer(0x40, 6, named) : integer(0, 4, named);
    if (added) this.#add([name, value]);
    return [...index, ...(named === 0 ? string(name) : []), ...string(value)];
  }

  #add(field: HeaderField): void {
    this.#table.unshift(field);
    const size = ([name, value]: HeaderField): number => name.length + value.length + OVERHEAD_BYTES;
    let total = this.#table.reduce((sum, each) => sum + size(each), 0);
    while (total > TABLE_BYTES) total -= size(this.#table.pop()!);
  }
}
