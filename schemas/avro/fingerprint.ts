/**
 * The fingerprint that Avro's single-object encoding carries: CRC-64-AVRO (Rabin) of a schema's Parsing Canonical Form.
 * Avro 1.11 specification, "Schema Fingerprints" and "Transforming into Parsing Canonical Form". avsc has neither.
 */

const CRC64_EMPTY = 0xc15d213aa4d7a795n;

/** CRC64_TABLE[i]: the CRC of the byte i. */
const CRC64_TABLE: readonly bigint[] = Array.from({ length: 256 }, (_, byte) => {
  let crc = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ (CRC64_EMPTY & -(crc & 1n));
  return crc;
});

/** CRC-64-AVRO of `bytes`, unsigned. Slow (big integers): for schemas, once at start. */
export function crc64Avro(bytes: Buffer): bigint {
  let crc = CRC64_EMPTY;
  for (const byte of bytes) crc = (crc >> 8n) ^ CRC64_TABLE[Number(crc & 0xffn) ^ byte]!;
  return crc;
}

const PRIMITIVES = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string']);

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * Parsing Canonical Form of a schema: only what matters to a reader, in a fixed order, with full names, without spaces.
 *
 *     [PRIMITIVES] {"type":"int"} → "int"        [FULLNAMES] name + namespace → full name
 *     [STRIP] keep type, name, fields, symbols, items, values, size
 *     [ORDER] name, type, fields, symbols, items, values, size        [WHITESPACE] none
 */
export function canonicalForm(schema: Json, namespace = ''): string {
  if (typeof schema === 'string') return JSON.stringify(PRIMITIVES.has(schema) ? schema : fullName(schema, namespace));
  if (Array.isArray(schema)) return `[${schema.map((branch: Json) => canonicalForm(branch, namespace)).join(',')}]`;
  const record = schema as { readonly [key: string]: Json };
  const type = record.type as Json;
  if (typeof type !== 'string') return canonicalForm(type, namespace);
  if (PRIMITIVES.has(type)) return JSON.stringify(type);

  const out: string[] = [];
  let inner = namespace;
  if (typeof record.name === 'string') {
    const name = fullName(record.name, typeof record.namespace === 'string' ? record.namespace : namespace);
    inner = name.slice(0, Math.max(0, name.lastIndexOf('.')));
    out.push(`"name":${JSON.stringify(name)}`);
  }
  out.push(`"type":${JSON.stringify(type)}`);
  if (Array.isArray(record.fields)) {
    const fields = record.fields.map((field: { readonly [key: string]: Json }) => {
      return `{"name":${JSON.stringify(field.name)},"type":${canonicalForm(field.type as Json, inner)}}`;
    });
    out.push(`"fields":[${fields.join(',')}]`);
  }
  if (record.symbols !== undefined) out.push(`"symbols":${JSON.stringify(record.symbols)}`);
  if (record.items !== undefined) out.push(`"items":${canonicalForm(record.items, inner)}`);
  if (record.values !== undefined) out.push(`"values":${canonicalForm(record.values, inner)}`);
  if (record.size !== undefined) out.push(`"size":${Number(record.size)}`);
  return `{${out.join(',')}}`;
}

function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`;
}
