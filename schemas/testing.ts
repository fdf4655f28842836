/** What the contracts' tests share: schemas of other releases, made from this one's. */
import type { Schema } from './avro/contract.ts';

export interface SchemaField {
  readonly name: string;
  readonly doc?: string;
  readonly type: unknown;
  readonly default?: unknown;
}

interface RecordSchema {
  readonly name: string;
  readonly fields: readonly SchemaField[];
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** The schema with the fields of one of its records (by name) changed: an earlier or later release's. */
export function withFields(
  schema: Schema,
  record: string,
  change: (fields: readonly SchemaField[]) => readonly SchemaField[],
): Schema {
  const walk = (node: Json): Json => {
    if (Array.isArray(node)) return node.map((each: Json) => walk(each));
    if (typeof node !== 'object' || node === null) return node;
    const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, walk(value)]));
    const { name, fields } = copy as unknown as Partial<RecordSchema>;
    return name === record && fields !== undefined ? { ...copy, fields: change(fields) as unknown as Json } : copy;
  };
  return walk(schema as Json) as Schema;
}

/** The fields of a record within a schema, by the record's name. */
export function fieldsOf(schema: Schema, record: string): readonly SchemaField[] {
  let found: readonly SchemaField[] = [];
  withFields(schema, record, (fields) => {
    found = fields;
    return fields;
  });
  return found;
}

/** avsc's records have constructors of their own; only their values count. */
export function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}
