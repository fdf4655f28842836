/**
 * Header blocks of one direction (RFC 7541 section 6):
 *
 *     1 | index (7+)                                        a field of a table
 *     0 1 | index of the name (6+), or 0 and a name | value      a literal, added to the dynamic table
 *     0 0 1 | new size (5+)                                 size update, at a block's beginning only
 *     0 0 0 n | index of the name (4+), or 0 and a name | value  a literal, not added; n: never to be added
 *
 *     string:  H | length (7+) | octets, Huffman coded when H is 1
 */
import type { CredentialMasker } from '../../credentials.ts';
import { DynamicTable } from './dynamic-table.ts';
import { type Field, makeField, UNKNOWN_FIELD } from './field.ts';
import { decodeHuffman } from './huffman.ts';
import { type Cursor, readInteger } from './integer.ts';
import { STATIC_LENGTH, STATIC_TABLE } from './static-table.ts';

export class HeaderDecoder {
  readonly table: DynamicTable;
  readonly #masker: CredentialMasker;
  readonly #fieldsMax: number;
  readonly #cursor: Cursor = { at: 0 };

  /** `complete`: the direction is read from its beginning. `fieldsMax`: fields of a block that are kept; the rest only changes the table. */
  constructor(masker: CredentialMasker, tableBytesMax: number, fieldsMax: number, complete: boolean) {
    this.#masker = masker;
    this.#fieldsMax = fieldsMax;
    this.table = new DynamicTable(tableBytesMax, complete);
  }

  /** Null when the block is damaged: what it should have added to the table is unknown then, so the table is forgotten. */
  decode(buffer: Buffer, start: number, end: number): Field[] | null {
    const fields: Field[] = [];
    const cursor = this.#cursor;
    cursor.at = start;
    while (cursor.at < end) {
      const byte = buffer[cursor.at]!;
      if ((byte & 0xe0) === 0x20) {
        const size = readInteger(buffer, cursor, end, 5);
        if (fields.length > 0 || size < 0 || !this.table.resize(size)) return this.#damaged();
        continue;
      }
      const field = (byte & 0x80) !== 0 ? this.#indexed(buffer, end) : this.#literal(buffer, end, byte);
      if (field === null) return this.#damaged();
      if ((byte & 0xc0) === 0x40) this.table.add(field);
      if (fields.length < this.#fieldsMax) fields.push(field);
    }
    return fields;
  }

  #damaged(): null {
    this.table.forget();
    return null;
  }

  #indexed(buffer: Buffer, end: number): Field | null {
    const index = readInteger(buffer, this.#cursor, end, 7);
    return index <= 0 ? null : this.#at(index);
  }

  #at(index: number): Field | null {
    if (index <= STATIC_LENGTH) return STATIC_TABLE[index - 1]!;
    return this.table.get(index - STATIC_LENGTH - 1) ?? (this.table.complete ? null : UNKNOWN_FIELD);
  }

  #literal(buffer: Buffer, end: number, first: number): Field | null {
    const index = readInteger(buffer, this.#cursor, end, (first & 0x40) !== 0 ? 6 : 4);
    if (index < 0) return null;
    let name: string | null;
    if (index === 0) {
      name = this.#string(buffer, end);
      if (name === null) return null;
    } else {
      const named = this.#at(index);
      if (named === null) return null;
      name = named.name;
    }
    const value = this.#string(buffer, end);
    return value === null ? null : makeField(name, value, this.#masker);
  }

  #string(buffer: Buffer, end: number): string | null {
    const cursor = this.#cursor;
    if (cursor.at >= end) return null;
    const coded = (buffer[cursor.at]! & 0x80) !== 0;
    const length = readInteger(buffer, cursor, end, 7);
    if (length < 0 || length > end - cursor.at) return null;
    const start = cursor.at;
    cursor.at += length;
    return coded ? decodeHuffman(buffer, start, cursor.at) : buffer.toString('latin1', start, cursor.at);
  }
}
