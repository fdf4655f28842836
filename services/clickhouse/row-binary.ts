/**
 * Rows in ClickHouse's RowBinary format: the values of one row after the other in the order of the column list, no framing.
 *
 *     String          varint length, UTF-8 bytes           UInt16/32/64, Int64, Float64   little-endian
 *     Nullable(T)     00 value, or 01                      DateTime64(6)                  Int64 µs
 *     Array(T)        varint count, values                 Map(K, V)                      varint count, key value key value …
 *     Bool            00 or 01                             LowCardinality(T)              as T
 *
 * ClickHouse documentation, "Interfaces / Formats / RowBinary".
 */
import type { Column, ColumnKind, Table } from './tables.ts';

/** Encoded rows with their borders, so that some of them can be sent again without encoding. */
export interface EncodedRows {
  readonly bytes: Buffer;
  /** ends[i]: offset behind row i. */
  readonly ends: readonly number[];
}

/** Encodes rows of one table. The result owns its bytes. */
export function encodeRows<T>(table: Table<T>, rows: readonly T[]): EncodedRows {
  const writer = new RowWriter(Math.max(1024, rows.length * 512));
  const ends: number[] = [];
  for (const row of rows) {
    for (const column of table.columns) writeValue(writer, column, row);
    ends.push(writer.length);
  }
  return { bytes: writer.bytes(), ends };
}

/** `INSERT INTO …` with every column named: nothing depends on the order of the table's columns. */
export function insertStatement<T>(table: Table<T>): string {
  return `INSERT INTO ${table.name} (${namesOf(table)}) FORMAT RowBinary`;
}

/** The same, refused by the server for rows that it reads after `deadlineMs` (its own clock, ms since the epoch). */
export function insertStatementUntil<T>(table: Table<T>, deadlineMs: number): string {
  const names = namesOf(table);
  const types = table.columns.map((column) => `${column.name} ${TYPES[column.kind]}`).join(', ');
  const late = `throwIf(nowInBlock64(3) > fromUnixTimestamp64Milli(${deadlineMs}::Int64), 'late')`;
  return `INSERT INTO ${table.name} (${names}) SELECT ${names} FROM input('${types}') WHERE ${late} = 0 FORMAT RowBinary`;
}

function namesOf<T>(table: Table<T>): string {
  return table.columns.map((column) => column.name).join(', ');
}

const TYPES: Readonly<Record<ColumnKind, string>> = {
  text: 'String',
  u16: 'UInt16',
  u32: 'UInt32',
  u64: 'UInt64',
  'u64?': 'Nullable(UInt64)',
  f64: 'Float64',
  'f64?': 'Nullable(Float64)',
  bool: 'Bool',
  'bool?': 'Nullable(Bool)',
  time: 'DateTime64(6)',
  'time?': 'Nullable(DateTime64(6))',
  texts: 'Array(String)',
  bools: 'Array(Bool)',
  labels: 'Map(String, String)',
  counts: 'Map(String, UInt32)',
};

function writeValue<T>(writer: RowWriter, column: Column<T>, row: T): void {
  WRITERS[column.kind](writer, column.value(row));
}

const WRITERS: Readonly<Record<ColumnKind, (writer: RowWriter, value: unknown) => void>> = {
  text: (writer, value) => writer.text(value as string),
  u16: (writer, value) => writer.u16(clamp(value as number, 0xffff)),
  u32: (writer, value) => writer.u32(clamp(value as number, 0xffffffff)),
  u64: (writer, value) => writer.u64(clamp(value as number, Number.MAX_SAFE_INTEGER)),
  'u64?': (writer, value) => {
    if (writer.present(finite(value))) writer.u64(clamp(value as number, Number.MAX_SAFE_INTEGER));
  },
  f64: (writer, value) => writer.f64(finite(value) ? (value as number) : 0),
  'f64?': (writer, value) => {
    if (writer.present(finite(value))) writer.f64(value as number);
  },
  bool: (writer, value) => writer.u8(value === true ? 1 : 0),
  'bool?': (writer, value) => {
    if (writer.present(value !== null)) writer.u8(value === true ? 1 : 0);
  },
  time: (writer, value) => writer.u64(clamp(value as number, Number.MAX_SAFE_INTEGER)),
  'time?': (writer, value) => {
    if (writer.present(finite(value))) writer.u64(clamp(value as number, Number.MAX_SAFE_INTEGER));
  },
  texts: (writer, value) => {
    const texts = value as readonly string[];
    writer.varint(texts.length);
    for (const text of texts) writer.text(text);
  },
  bools: (writer, value) => {
    const flags = value as readonly boolean[];
    writer.varint(flags.length);
    for (const flag of flags) writer.u8(flag ? 1 : 0);
  },
  labels: (writer, value) => {
    const entries = Object.entries(value as Readonly<Record<string, string>>);
    writer.varint(entries.length);
    for (const [key, text] of entries) {
      writer.text(key);
      writer.text(text);
    }
  },
  counts: (writer, value) => {
    const entries = Object.entries(value as Readonly<Record<string, number>>);
    writer.varint(entries.length);
    for (const [key, count] of entries) {
      writer.text(key);
      writer.u32(clamp(count, 0xffffffff));
    }
  },
};

function finite(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value);
}

/** An integer in 0 … max; NaN becomes 0. */
export function clamp(value: number, max: number): number {
  if (!(value > 0)) return 0;
  return value >= max ? max : Math.trunc(value);
}

/** A growing buffer. */
class RowWriter {
  length = 0;
  #buffer: Buffer;

  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(bytes);
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#buffer[this.length++] = value;
  }

  u16(value: number): void {
    this.#reserve(2);
    this.length = this.#buffer.writeUInt16LE(value, this.length);
  }

  u32(value: number): void {
    this.#reserve(4);
    this.length = this.#buffer.writeUInt32LE(value, this.length);
  }

  /** Two halves: a BigInt a field would be most of the cost. */
  u64(value: number): void {
    this.#reserve(8);
    const high = Math.floor(value / 0x1_0000_0000);
    this.#buffer.writeUInt32LE(value - high * 0x1_0000_0000, this.length);
    this.length = this.#buffer.writeUInt32LE(high, this.length + 4);
  }

  f64(value: number): void {
    this.#reserve(8);
    this.length = this.#buffer.writeDoubleLE(value, this.length);
  }

  /** Writes the null mark and returns its argument. */
  present(present: boolean): boolean {
    this.u8(present ? 0 : 1);
    return present;
  }

  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#buffer[this.length++] = (rest % 128) | 0x80;
    this.#buffer[this.length++] = rest;
  }

  text(text: string): void {
    // A UTF-16 unit takes at most 3 bytes, so a short text's length fits one byte and is known after writing.
    if (text.length < 42) {
      this.#reserve(127);
      const written = this.#buffer.write(text, this.length + 1);
      this.#buffer[this.length] = written;
      this.length += 1 + written;
      return;
    }
    const bytes = Buffer.byteLength(text);
    this.varint(bytes);
    this.#reserve(bytes);
    this.length += this.#buffer.write(text, this.length);
  }

  #reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.length);
    this.#buffer = grown;
  }
}
