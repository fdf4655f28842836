/**
 * One text for equal JSON values, whatever the order of their members, their whitespace and their escapes (RFC 8785): members
 * sorted by UTF-16 code units, numbers and strings as ECMAScript writes them, nothing between tokens.
 */

import { contentHash } from '../../common/hash.ts';
import { parseJson } from '../../common/json.ts';
import type { ContentHash } from '../../common/types.ts';
import { JSON_DEPTH_MAX } from './skip.ts';

function write(value: unknown, depth: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (depth === JSON_DEPTH_MAX) throw new RangeError('too deep');
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`;
  const json = value as Readonly<Record<string, unknown>>;
  const members: string[] = [];
  for (const key of Object.keys(json).sort()) {
    if (json[key] !== undefined) members.push(`${JSON.stringify(key)}:${write(json[key], depth + 1)}`);
  }
  return `{${members.join(',')}}`;
}

/** `value` is one that JSON.parse gave. Null when it is nested deeper than JSON_DEPTH_MAX. */
export function canonicalJson(value: unknown): string | null {
  try {
    return write(value, 0);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** First 128 bits of the SHA-256 of a value's canonical text, 32 hex digits. */
export function canonicalHash(value: unknown): ContentHash {
  return contentHash(canonicalJson(value) ?? '');
}

/** The same of a value that is given as text; of a text that isn't JSON, the hash of the text itself. No text at all counts as `{}`. */
export function canonicalHashOf(text: string): ContentHash {
  if (text.trim() === '') return canonicalHash({});
  const value = parseJson(text);
  return contentHash((value === undefined ? null : canonicalJson(value)) ?? text);
}
