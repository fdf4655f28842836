/**
 * Checks that bytes are a whole Avro datum of a schema, before avsc reads them.
 *
 * avsc trusts the counts that it reads: a damaged count of 2^50 would make it build an array until memory ends. This walk
 * makes no objects, stops at the end of the buffer, and costs a few microseconds a frame.
 *
 *     long, int, enum, union branch   zigzag varint, at most 10 bytes
 *     bytes, string                   long length, bytes
 *     array, map                      blocks: long count (negative: count, then long size in bytes), items; count 0 ends
 *     record                          its fields, one after the other
 */
import avsc from 'avsc';

type Walk = (cursor: Cursor) => boolean;

interface Cursor {
  readonly bytes: Buffer;
  pos: number;
}

/** Returns a check: is `bytes` from `start` to its end exactly one datum of `type`? Recursive schemas aren't supported. */
export function boundsCheck(type: avsc.Type): (bytes: Buffer, start: number) => boolean {
  const walk = walkOf(type);
  return (bytes, start) => {
    const cursor = { bytes, pos: start };
    return walk(cursor) && cursor.pos === bytes.length;
  };
}

function walkOf(type: avsc.Type): Walk {
  const t = avsc.types;
  if (type instanceof t.RecordType) return recordWalk(type.fields.map((field) => walkOf(field.type)));
  if (type instanceof t.ArrayType) return blocksWalk(walkOf(type.itemsType));
  if (type instanceof t.MapType) return blocksWalk(recordWalk([skipBytes, walkOf(type.valuesType)]));
  if (type instanceof t.EnumType) return indexWalk(type.symbols.map(() => always));
  if (type instanceof t.UnwrappedUnionType) return indexWalk(type.types.map(walkOf));
  if (type instanceof t.FixedType) return fixedWalk(type.size);
  if (type instanceof t.LogicalType) return walkOf(type.underlyingType);
  switch (type.typeName) {
    case 'null':
      return always;
    case 'boolean':
      return fixedWalk(1);
    case 'float':
      return fixedWalk(4);
    case 'double':
      return fixedWalk(8);
    case 'int':
    case 'long':
      return (cursor) => !Number.isNaN(readLong(cursor));
    case 'bytes':
    case 'string':
      return skipBytes;
    default:
      throw new TypeError(`Avro type ${type.typeName} has no bounds check; add one in schemas/avro/bounds.ts.`);
  }
}

const always: Walk = () => true;

function fixedWalk(size: number): Walk {
  return (cursor) => (cursor.pos += size) <= cursor.bytes.length;
}

function skipBytes(cursor: Cursor): boolean {
  const length = readLong(cursor);
  return length >= 0 && (cursor.pos += length) <= cursor.bytes.length;
}

function recordWalk(walks: readonly Walk[]): Walk {
  return (cursor) => {
    for (let i = 0; i < walks.length; i++) if (!walks[i]!(cursor)) return false;
    return true;
  };
}

function indexWalk(walks: readonly Walk[]): Walk {
  return (cursor) => {
    const walk = walks[readLong(cursor)];
    return walk?.(cursor) ?? false;
  };
}

function blocksWalk(item: Walk): Walk {
  return (cursor) => {
    for (;;) {
      let count = readLong(cursor);
      if (count === 0) return true;
      if (count < 0) {
        count = -count;
        if (!(readLong(cursor) >= 0)) return false;
      }
      // Every item of our schemas takes at least one byte, so this bounds the loop.
      if (!(count <= cursor.bytes.length - cursor.pos)) return false;
      for (; count > 0; count--) if (!item(cursor)) return false;
    }
  };
}

/** Zigzag varint as a number; NaN beyond the buffer or beyond 2^53. */
function readLong(cursor: Cursor): number {
  const bytes = cursor.bytes;
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 10; i++) {
    if (cursor.pos >= bytes.length) return Number.NaN;
    const byte = bytes[cursor.pos++]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (value > 2 * Number.MAX_SAFE_INTEGER) return Number.NaN;
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    scale *= 128;
  }
  return Number.NaN;
}
