/** How long a message's body is (RFC 9112 section 6.3). */
import type { Headers } from './exchange.ts';

export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until_close' }
  /** Contradictory or unreadable: where the message ends can't be known. */
  | { readonly kind: 'invalid' };

const NONE: Framing = { kind: 'none' };
const CHUNKED: Framing = { kind: 'chunked' };
const UNTIL_CLOSE: Framing = { kind: 'until_close' };
const INVALID: Framing = { kind: 'invalid' };

/** A request without either field has no body. */
export function requestFraming(headers: Headers): Framing {
  const coding = headers.get('transfer-encoding');
  if (coding !== undefined) return endsChunked(coding) ? CHUNKED : INVALID;
  return lengthFraming(headers) ?? NONE;
}

/** `method`: of the request, null when that wasn't seen. A successful CONNECT and 101 are the caller's business. */
export function responseFraming(status: number, headers: Headers, method: string | null): Framing {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return NONE;
  const coding = headers.get('transfer-encoding');
  if (coding !== undefined) return endsChunked(coding) ? CHUNKED : UNTIL_CLOSE;
  return lengthFraming(headers) ?? UNTIL_CLOSE;
}

/** Null without `content-length`. A list of equal numbers counts as that number (section 6.3, point 5). */
function lengthFraming(headers: Headers): Framing | null {
  const text = headers.get('content-length');
  if (text === undefined) return null;
  const length = decimal(text);
  if (length >= 0) return length === 0 ? NONE : { kind: 'length', length };
  const values = text.split(',').map((value) => decimal(value.trim()));
  const first = values[0]!;
  if (first < 0 || values.some((value) => value !== first)) return INVALID;
  return first === 0 ? NONE : { kind: 'length', length: first };
}

/** The number, or -1 when it isn't one or not below 10^15. */
function decimal(text: string): number {
  if (text.length === 0 || text.length > 15) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function endsChunked(coding: string): boolean {
  if (coding === 'chunked') return true;
  const last = coding.slice(coding.lastIndexOf(',') + 1).trim();
  return last.toLowerCase() === 'chunked';
}
