/**
 * Heads of HTTP/1.0 and 1.1 messages (RFC 9112 sections 2 to 5), read from bytes.
 *
 *   message      = start-line CRLF *( field-line CRLF ) CRLF
 *   request-line = method SP request-target SP HTTP-version
 *   status-line  = HTTP-version SP status-code [ SP reason-phrase ]
 *   field-line   = field-name ":" OWS field-value OWS
 *   obs-fold     = CRLF 1*( SP / HTAB )              tolerated, becomes one space
 *
 * A line may end with a bare LF (section 2.2). Field values are read as Latin-1.
 */
import { type CredentialMasker, credentialRank, isSecretHeader, isUrlHeader, maskUrl } from './credentials.ts';
import type { Credential, RequestHead, ResponseHead } from './exchange.ts';
import { HASH_PRIME, HASH_SEED, HeaderLineCache } from './header-line-cache.ts';

const LF = 10;
const CR = 13;
const SP = 32;
const TAB = 9;
const COLON = 58;
/** Longest method that is taken for one. */
const METHOD_BYTES_MAX = 24;

/** Without sync only these are believed: the rest of a body before a request line would else become part of its method. */
const KNOWN_METHODS = 'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH'
  .split(' ')
  .map((method) => Buffer.from(`${method} `));

/** RFC 9110 section 5.6.2: the characters of a token. */
const TOKEN = new Uint8Array(256);
for (const c of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  TOKEN[c.charCodeAt(0)] = 1;
}

/**
 * Index after the head's last line end, or -1 while it isn't complete. `from` may be any place at or before the last
 * line end looked at.
 */
export function findHeadEnd(buffer: Buffer, from: number, end: number): number {
  for (let i = from; i < end; i++) {
    if (buffer[i] !== LF) continue;
    if (i + 1 < end && buffer[i + 1] === LF) return i + 2;
    if (i + 2 < end && buffer[i + 1] === CR && buffer[i + 2] === LF) return i + 3;
  }
  return -1;
}

/** False when the bytes can't be the beginning of a request line, however they go on. */
export function mayBeRequest(buffer: Buffer, start: number, end: number): boolean {
  const limit = Math.min(end, start + METHOD_BYTES_MAX + 1);
  for (let i = start; i < limit; i++) {
    const byte = buffer[i]!;
    if (byte === SP) return i > start;
    if (TOKEN[byte] === 0) return false;
  }
  return limit === end;
}

/** As `mayBeRequest`, with one of the usual methods. */
export function mayBeKnownRequest(buffer: Buffer, start: number, end: number): boolean {
  for (const method of KNOWN_METHODS) {
    const length = Math.min(method.length, end - start);
    if (buffer.compare(method, 0, length, start, start + length) === 0) return true;
  }
  return false;
}

const HTTP_1 = [0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e] as const;

/** False when the bytes can't be the beginning of a status line, however they go on. */
export function mayBeResponse(buffer: Buffer, start: number, end: number): boolean {
  const length = Math.min(HTTP_1.length, end - start);
  for (let i = 0; i < length; i++) if (buffer[start + i] !== HTTP_1[i]) return false;
  return true;
}

/** True when the line that begins at `start` is whole, ends with CRLF and is a request line. */
export function isRequestLine(buffer: Buffer, start: number, end: number): boolean {
  const line = lineEnd(buffer, start, end);
  if (line <= start || buffer[line - 1] !== CR || !mayBeRequest(buffer, start, end)) return false;
  return versionAt(buffer, start, line - 1) >= 0 && requestTargetEnd(buffer, start, line - 1) > 0;
}

/** True when the line that begins at `start` is whole, ends with CRLF and is a status line. */
export function isStatusLine(buffer: Buffer, start: number, end: number): boolean {
  const line = lineEnd(buffer, start, end);
  if (line <= start || buffer[line - 1] !== CR || !mayBeResponse(buffer, start, end)) return false;
  return statusCode(buffer, start, line - 1) > 0;
}

/**
 * Checks the lines of an unfinished head that are whole, from `from` (a line's start). For a direction without sync, which
 * must not take text for a head. Returns the start of the first line that isn't whole, or -1 when a line is no field line.
 */
export function checkFieldLines(buffer: Buffer, from: number, end: number): number {
  let start = from;
  for (;;) {
    const line = lineEnd(buffer, start, end);
    if (line < 0) return start;
    if (buffer[line - 1] !== CR || fieldNameEnd(buffer, start, line) < 0) return -1;
    start = line + 1;
  }
}

/** Index of the LF at or after `start`, or -1. */
function lineEnd(buffer: Buffer, start: number, end: number): number {
  for (let i = start; i < end; i++) if (buffer[i] === LF) return i;
  return -1;
}

/** Index of the colon after a valid field name (white space before it is tolerated), or -1. */
function fieldNameEnd(buffer: Buffer, start: number, end: number): number {
  let i = start;
  while (i < end && TOKEN[buffer[i]!] === 1) i++;
  if (i === start) return -1;
  while (i < end && (buffer[i] === SP || buffer[i] === TAB)) i++;
  return i < end && buffer[i] === COLON ? i : -1;
}

/** Minor version when the line ends with ` HTTP/1.x`, or -1. */
function versionAt(buffer: Buffer, start: number, end: number): number {
  const at = end - 8;
  if (at <= start || buffer[at - 1] !== SP || !mayBeResponse(buffer, at, end)) return -1;
  const digit = buffer[end - 1]! - 48;
  return digit >= 0 && digit <= 9 ? digit : -1;
}

/** End of the request target, when the line has a method, one target without white space and a version; else -1. */
function requestTargetEnd(buffer: Buffer, start: number, end: number): number {
  const targetEnd = end - 9;
  let i = start;
  while (i < targetEnd && buffer[i] !== SP) i++;
  if (i === start || i + 1 >= targetEnd) return -1;
  for (i++; i < targetEnd; i++) if (buffer[i]! <= SP || buffer[i] === 127) return -1;
  return targetEnd;
}

function statusCode(buffer: Buffer, start: number, end: number): number {
  if (end - start < 12 || buffer[start + 8] !== SP) return -1;
  if (end - start > 12 && buffer[start + 12] !== SP) return -1;
  let status = 0;
  for (let i = start + 9; i < start + 12; i++) {
    const digit = buffer[i]! - 48;
    if (digit < 0 || digit > 9) return -1;
    status = status * 10 + digit;
  }
  return status >= 100 ? status : -1;
}

/** Reads heads that are whole. Keeps no credential: they are replaced as the strings are made. */
export class HeadReader {
  readonly #masker: CredentialMasker;
  readonly #headersMax: number;
  readonly #lines = new HeaderLineCache();
  #credential: Credential | null = null;

  constructor(masker: CredentialMasker, headersMax: number) {
    this.#masker = masker;
    this.#headersMax = headersMax;
  }

  /**
   * `strict`: for a direction without sync; CRLF only, every field line valid, and the fields that each real message has.
   * Null when it is no request.
   */
  request(buffer: Buffer, start: number, end: number, strict: boolean): RequestHead | null {
    const lf = lineEnd(buffer, start, end);
    const line = buffer[lf - 1] === CR ? lf - 1 : lf;
    if (strict && (line === lf || !mayBeKnownRequest(buffer, start, end))) return null;
    if (!mayBeRequest(buffer, start, line)) return null;
    const minor = versionAt(buffer, start, line);
    const targetEnd = minor < 0 ? -1 : requestTargetEnd(buffer, start, line);
    if (targetEnd < 0) return null;
    const methodEnd = buffer.indexOf(SP, start);
    this.#credential = null;
    const headers = this.#fields(buffer, lf + 1, end, strict);
    if (headers === null || (strict && minor > 0 && !headers.has('host'))) return null;
    const method = methodName(buffer, start, methodEnd);
    const target = this.#target(buffer.toString('latin1', methodEnd + 1, targetEnd));
    const path = pathOf(target, method);
    const version = minor === 0 ? '1.0' : '1.1';
    return { method, target, path, version, headers, credential: this.#credential, partial: false };
  }

  /** As `request`, for responses. */
  response(buffer: Buffer, start: number, end: number, strict: boolean): ResponseHead | null {
    const lf = lineEnd(buffer, start, end);
    const line = buffer[lf - 1] === CR ? lf - 1 : lf;
    if (strict && line === lf) return null;
    if (!mayBeResponse(buffer, start, line)) return null;
    const status = statusCode(buffer, start, line);
    const headers = status < 0 ? null : this.#fields(buffer, lf + 1, end, strict);
    if (headers === null || (strict && !isRealResponse(status, headers))) return null;
    return { status, version: buffer[start + 7] === 48 ? '1.0' : '1.1', headers, partial: false };
  }

  #target(raw: string): string {
    if (!raw.includes('?') && !raw.includes('@')) return raw;
    const { url, credential } = maskUrl(raw, this.#masker);
    this.#offer(credential);
    return url;
  }

  #fields(buffer: Buffer, from: number, end: number, strict: boolean): Map<string, string> | null {
    const headers = new Map<string, string>();
    let start = from;
    for (let count = 0; start < end && count < this.#headersMax; count++) {
      let hash = HASH_SEED;
      let lf = start;
      for (; lf < end; lf++) {
        const byte = buffer[lf]!;
        if (byte === LF) break;
        hash = Math.imul(hash ^ byte, HASH_PRIME);
      }
      const line = lf > start && buffer[lf - 1] === CR ? lf - 1 : lf;
      if (strict && line === lf) return null;
      if (line === start) break;
      hash ^= hash >>> 15;
      const next = buffer[lf + 1];
      if (lf + 1 < end && (next === SP || next === TAB)) {
        start = this.#folded(headers, buffer, start, end);
        continue;
      }
      const known = this.#lines.get(hash, buffer, start, line);
      if (known !== undefined) append(headers, known.name, known.value);
      else if (!this.#field(headers, buffer, start, line, hash) && strict) return null;
      start = lf + 1;
    }
    return headers;
  }

  /** A field that goes on over several lines. Joined before it is read, so that no part of a credential stays. */
  #folded(headers: Map<string, string>, buffer: Buffer, from: number, end: number): number {
    const pieces: string[] = [];
    let start = from;
    do {
      const lf = lineEnd(buffer, start, end);
      pieces.push(buffer.toString('latin1', start, lf).trim());
      start = lf + 1;
    } while (start < end && (buffer[start] === SP || buffer[start] === TAB));
    const joined = Buffer.from(pieces.join(' '), 'latin1');
    this.#field(headers, joined, 0, joined.length, 0);
    return start;
  }

  /** One field line without its line end. False when it has no valid name; the line is then ignored. */
  #field(headers: Map<string, string>, buffer: Buffer, start: number, end: number, hash: number): boolean {
    const colon = fieldNameEnd(buffer, start, end);
    if (colon < 0) return false;
    const name = buffer.toString('latin1', start, colon).trimEnd().toLowerCase();
    let valueStart = colon + 1;
    let valueEnd = end;
    while (valueStart < valueEnd && (buffer[valueStart] === SP || buffer[valueStart] === TAB)) valueStart++;
    while (valueEnd > valueStart && (buffer[valueEnd - 1] === SP || buffer[valueEnd - 1] === TAB)) valueEnd--;
    const value = buffer.toString('latin1', valueStart, valueEnd);
    if (isSecretHeader(name)) append(headers, name, this.#secret(name, value));
    else if (isUrlHeader(name)) append(headers, name, maskUrl(value, this.#masker).url);
    else {
      append(headers, name, value);
      if (hash !== 0) this.#lines.put(hash, buffer, start, end, name, value);
    }
    return true;
  }

  #secret(name: string, value: string): string {
    const masked = this.#masker.mask(name, value);
    this.#offer(masked.credential);
    return masked.stored;
  }

  #offer(credential: Credential | null): void {
    if (credential === null) return;
    const current = this.#credential;
    if (current === null || credentialRank(credential.field) < credentialRank(current.field)) {
      this.#credential = credential;
    }
  }
}

function append(headers: Map<string, string>, name: string, value: string): void {
  const before = headers.get(name);
  headers.set(name, before === undefined ? value : `${before}, ${value}`);
}

/** Every real response has one of these; text that happens to begin like a status line hardly has. */
function isRealResponse(status: number, headers: ReadonlyMap<string, string>): boolean {
  if (status < 200 || status === 204 || status === 304) return true;
  return (
    headers.has('content-length') ||
    headers.has('transfer-encoding') ||
    headers.has('content-type') ||
    headers.has('date') ||
    headers.has('connection')
  );
}

function methodName(buffer: Buffer, start: number, end: number): string {
  if (end - start === 4 && buffer[start] === 0x50 && buffer[start + 1] === 0x4f && buffer[start + 3] === 0x54) {
    if (buffer[start + 2] === 0x53) return 'POST';
  }
  if (end - start === 3 && buffer[start] === 0x47 && buffer[start + 1] === 0x45 && buffer[start + 2] === 0x54) {
    return 'GET';
  }
  return buffer.toString('latin1', start, end);
}

/** RFC 9112 section 3.2: origin-form, absolute-form, authority-form, asterisk-form. */
export function pathOf(target: string, method: string): string {
  if (method === 'CONNECT') return '';
  let start = 0;
  if (target.charCodeAt(0) !== 47) {
    const scheme = target.indexOf('://');
    if (scheme >= 0) {
      start = target.indexOf('/', scheme + 3);
      if (start < 0) return '/';
    }
  }
  const question = target.indexOf('?', start);
  if (question >= 0) return target.slice(start, question);
  return start === 0 ? target : target.slice(start);
}
