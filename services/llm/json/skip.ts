/**
 * Finding where a JSON value ends, at byte level, without building it (RFC 8259).
 *
 *     value  = object / array / string / literal      literal = number / true / false / null
 *     string = %x22 *( unescaped / %x5C escape ) %x22
 *
 * All bytes of a UTF-8 sequence beyond ASCII are >= 0x80, so quotes, brackets and backslashes can be found byte by byte.
 * Brackets must match in kind; commas, colons and escapes inside a skipped container aren't checked.
 */

export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_LIST = 0x5b;
export const CLOSE_LIST = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
const BACKSLASH = 0x5c;

/** Containers inside each other; a deeper value is called unreadable. */
export const JSON_DEPTH_MAX = 1000;

/** Below this many bytes a loop finds the closing quote faster than a native search starts. */
const LOOP_BYTES = 16;

/** The open brackets of the value that is being skipped. One for all: skipping never suspends. */
const open = new Uint8Array(JSON_DEPTH_MAX);

export function skipSpace(bytes: Buffer, at: number, end: number): number {
  let i = at;
  while (i < end) {
    const c = bytes[i]!;
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return i;
    i++;
  }
  return i;
}

/** `at` is the opening quote. Returns the offset after the closing one, or -1. */
export function skipString(bytes: Buffer, at: number, end: number): number {
  let i = at + 1;
  for (;;) {
    const near = Math.min(i + LOOP_BYTES, end);
    while (i < near) {
      const c = bytes[i]!;
      if (c === QUOTE) return i + 1;
      i += c === BACKSLASH ? 2 : 1;
    }
    if (i >= end) return -1;
    const quote = bytes.indexOf(QUOTE, i);
    if (quote < 0 || quote >= end) return -1;
    // `i` never stands behind half an escape, so the parity of the backslashes before the quote decides.
    let before = quote - 1;
    while (before >= i && bytes[before] === BACKSLASH) before--;
    i = quote + 1;
    if (((quote - before) & 1) === 1) return i;
  }
}

function skipContainer(bytes: Buffer, at: number, end: number): number {
  let depth = 0;
  let i = at;
  while (i < end) {
    const c = bytes[i]!;
    if (c === QUOTE) {
      i = skipString(bytes, i, end);
      if (i < 0) return -1;
      continue;
    }
    i++;
    // Brackets are the bytes x1011011 and x1011101: one mask spares four comparisons for every other byte.
    if ((c & 0x59) !== 0x59) continue;
    if (c === OPEN_OBJECT || c === OPEN_LIST) {
      if (depth === JSON_DEPTH_MAX) return -1;
      open[depth++] = c;
    } else if (c === CLOSE_OBJECT || c === CLOSE_LIST) {
      if (open[--depth] !== c - 2) return -1;
      if (depth === 0) return i;
    }
  }
  return -1;
}

function skipLiteral(bytes: Buffer, at: number, end: number): number {
  let i = at;
  while (i < end) {
    const c = bytes[i]!;
    const alphanumeric = (c >= 0x30 && c <= 0x39) || (c >= 0x61 && c <= 0x7a) || c === 0x45;
    if (!alphanumeric && c !== 0x2d && c !== 0x2b && c !== 0x2e) break;
    i++;
  }
  return i === at ? -1 : i;
}

/** `at` is the first byte of a value. Returns the offset after its last byte, or -1 when there is no whole value. */
export function skipValue(bytes: Buffer, at: number, end: number): number {
  if (at >= end) return -1;
  const c = bytes[at]!;
  if (c === QUOTE) return skipString(bytes, at, end);
  if (c === OPEN_OBJECT || c === OPEN_LIST) return skipContainer(bytes, at, end);
  return skipLiteral(bytes, at, end);
}
