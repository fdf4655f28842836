/**
 * Hashes of texts without what clients change in them. The text is written into a buffer without its white space and hashed
 * there: replacing with a regular expression first costs ten times as much as the hash.
 */
import { hash } from 'node:crypto';

const HEX_DIGITS = 32;
/** UTF-16 units of one text. A longer one may only be hashed as far. */
export const SQUEEZED_CHARS_MAX = 8_000;
/** No UTF-16 unit needs more bytes. A text in lower case may be longer than it was: three units for one at most. */
const UNIT_BYTES_MAX = 3;
const LOWER_CASE_GROWTH_MAX = 3;
/** One for all: hashing never suspends. */
const scratch = Buffer.allocUnsafeSlow(SQUEEZED_CHARS_MAX * UNIT_BYTES_MAX * LOWER_CASE_GROWTH_MAX);

/** What `\s` stands for (ECMA-262 section 22.2.2.9: WhiteSpace and LineTerminator), beyond ASCII. */
function isWideSpace(c: number): boolean {
  if (c < 0x1680) return c === 0xa0;
  if (c < 0x2000) return c === 0x1680;
  return c <= 0x200a || c === 0x2028 || c === 0x2029 || c === 0x202f || c === 0x205f || c === 0x3000 || c === 0xfeff;
}

function isDropped(c: number, dropsDigits: boolean): boolean {
  if (c >= 0x80) return isWideSpace(c);
  return c === 0x20 || (c >= 0x09 && c <= 0x0d) || (dropsDigits && c >= 0x30 && c <= 0x39);
}

/** Writes a code point above 0x7f as UTF-8 (RFC 3629 section 3). Returns the offset behind it. */
function writeWide(c: number, at: number): number {
  let end = at;
  if (c < 0x800) scratch[end++] = 0xc0 | (c >> 6);
  else {
    if (c <= 0xffff) scratch[end++] = 0xe0 | (c >> 12);
    else {
      scratch[end++] = 0xf0 | (c >> 18);
      scratch[end++] = 0x80 | ((c >> 12) & 0x3f);
    }
    scratch[end++] = 0x80 | ((c >> 6) & 0x3f);
  }
  scratch[end++] = 0x80 | (c & 0x3f);
  return end;
}

/** Offset of the second half of the pair whose first half stands at `i`: what is left out may stand between them. -1: there is none. */
function otherHalf(text: string, i: number, dropsDigits: boolean): number {
  let next = i + 1;
  while (next < text.length && isDropped(text.charCodeAt(next), dropsDigits)) next++;
  const c = next < text.length ? text.charCodeAt(next) : 0;
  return c >= 0xdc00 && c <= 0xdfff ? next : -1;
}

/** Writes the text's UTF-8 without white space (and without digits) into `scratch`; half a pair becomes U+FFFD. Returns the bytes written. */
function squeeze(text: string, dropsDigits: boolean): number {
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (isDropped(c, dropsDigits)) continue;
    if (c < 0x80) scratch[at++] = c;
    else if (c < 0xd800 || c > 0xdfff) at = writeWide(c, at);
    else {
      const other = c < 0xdc00 ? otherHalf(text, i, dropsDigits) : -1;
      if (other < 0) at = writeWide(0xfffd, at);
      else {
        at = writeWide(0x10000 + ((c - 0xd800) << 10) + (text.charCodeAt(other) - 0xdc00), at);
        i = other;
      }
    }
  }
  return at;
}

/** 1 for the ASCII characters that are kept. */
const SPACELESS = Uint8Array.from({ length: 0x80 }, (_, c) => (isDropped(c, false) ? 0 : 1));
const LETTERS = Uint8Array.from({ length: 0x80 }, (_, c) => (isDropped(c, true) ? 0 : 1));

/** Bytes of the white space beyond ASCII that is written at `i` (RFC 3629 section 3); 0 when it is none. */
function wideSpaceLength(i: number): number {
  const c = scratch[i]!;
  if (c === 0xc2) return scratch[i + 1] === 0xa0 ? 2 : 0;
  if (c !== 0xe1 && c !== 0xe2 && c !== 0xe3 && c !== 0xef) return 0;
  return isWideSpace(((c & 0x0f) << 12) | ((scratch[i + 1]! & 0x3f) << 6) | (scratch[i + 2]! & 0x3f)) ? 3 : 0;
}

/**
 * The same for a text without halves of pairs whose `length` bytes stand in `scratch` already. ASCII goes without a branch:
 * which characters are left out can't be foretold.
 */
function squeezeWritten(length: number, kept: Uint8Array): number {
  let at = 0;
  for (let i = 0; i < length; i++) {
    const c = scratch[i]!;
    scratch[at] = c;
    if (c < 0x80) at += kept[c]!;
    else {
      const space = wideSpaceLength(i);
      if (space === 0) at++;
      else i += space - 1;
    }
  }
  return at;
}

function hashSqueezed(text: string, dropsDigits: boolean): string {
  const length = text.isWellFormed()
    ? squeezeWritten(scratch.write(text), dropsDigits ? LETTERS : SPACELESS)
    : squeeze(text, dropsDigits);
  return length === 0 ? '' : hash('sha256', scratch.subarray(0, length), 'hex').slice(0, HEX_DIGITS);
}

/** First 128 bits of the SHA-256 of the beginning of a text without its white space; '' when nothing is left of it. */
export function squeezedHash(text: string): string {
  return hashSqueezed(text.slice(0, SQUEEZED_CHARS_MAX), false);
}

/** The same without case and digits. */
export function looseHash(text: string): string {
  return hashSqueezed(text.slice(0, SQUEEZED_CHARS_MAX).toLowerCase(), true);
}
