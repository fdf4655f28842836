/**
 * Lists as query parameters, in parts that the server takes: ClickHouse refuses a parameter above `http_max_field_value_size`
 * (128 KB by default), and a batch of five thousand ids is longer.
 */

/** Bytes of one parameter, with room for quotes and escapes. */
const PARAM_BYTES_MAX = 60_000;
const QUOTES_BYTES = 3;

/** The list in order, cut into parts. An element that is too long by itself stands alone. */
export function paramChunks(list: readonly string[]): string[][] {
  const chunks: string[][] = [];
  let chunk: string[] = [];
  let bytes = 0;
  for (const text of list) {
    const more = Buffer.byteLength(text) + QUOTES_BYTES;
    if (bytes + more > PARAM_BYTES_MAX && chunk.length > 0) {
      chunks.push(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(text);
    bytes += more;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}

/** Items cut into parts of so few that the texts of each, by each of `textsOf`, fit one parameter. */
export function itemChunks<T>(items: readonly T[], ...textsOf: readonly ((item: T) => string)[]): T[][] {
  const chunks: T[][] = [];
  let chunk: T[] = [];
  let bytes = textsOf.map(() => 0);
  for (const item of items) {
    const more = textsOf.map((textOf) => Buffer.byteLength(textOf(item)) + QUOTES_BYTES);
    if (chunk.length > 0 && more.some((each, i) => bytes[i]! + each > PARAM_BYTES_MAX)) {
      chunks.push(chunk);
      chunk = [];
      bytes = textsOf.map(() => 0);
    }
    chunk.push(item);
    bytes = bytes.map((sum, i) => sum + more[i]!);
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}

/** That a column is one of these texts, in parameters that the server takes. */
export function isOneOf(
  column: string,
  name: string,
  values: readonly string[],
): { readonly condition: string; readonly params: Readonly<Record<string, unknown>> } {
  const chunks = paramChunks([...new Set(values)]);
  const conditions = chunks.map((_, at) => `${column} IN {${name}${at}:Array(String)}`);
  return {
    condition: chunks.length === 0 ? 'false' : `(${conditions.join(' OR ')})`,
    params: Object.fromEntries(chunks.map((chunk, at) => [`${name}${at}`, chunk])),
  };
}
