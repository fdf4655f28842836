/**
 * Makes numbers fit their Avro type. Traffic may claim 1e300 tokens, or half a token: stored as the nearest number that the type
 * has, as the tables do. Only for values that avsc refused, so the usual record costs nothing.
 */
import avsc from 'avsc';

/** The largest long that avsc writes, and the least that it writes right: it works out −2n − 1, which is no double beyond that. */
const LONG = { min: -(2 ** 52), max: Number.MAX_SAFE_INTEGER - 1 };
const INT = { min: -(2 ** 31), max: 2 ** 31 - 1 };

/** A copy of `value` with its numbers fitted; anything else that isn't of its type is left for avsc to refuse. */
export function fitNumbers(type: avsc.Type, value: unknown): unknown {
  const t = avsc.types;
  if (value === null || value === undefined) return value;
  if (type instanceof t.RecordType) {
    const record = value as Readonly<Record<string, unknown>>;
    return Object.fromEntries(type.fields.map(({ name, type: inner }) => [name, fitNumbers(inner, record[name])]));
  }
  if (type instanceof t.ArrayType) {
    return Array.isArray(value) ? value.map((item) => fitNumbers(type.itemsType, item)) : value;
  }
  if (type instanceof t.UnwrappedUnionType) {
    const branch = type.types.find((each) => !(each instanceof t.NullType));
    return branch === undefined ? value : fitNumbers(branch, value);
  }
  if (typeof value !== 'number') return value;
  if (type instanceof t.LongType) return whole(value, LONG);
  return type instanceof t.IntType ? whole(value, INT) : value;
}

function whole(value: number, range: typeof INT): number {
  if (Number.isNaN(value)) return 0;
  return Math.max(range.min, Math.min(range.max, Math.trunc(value)));
}
