/**
 * Finds what may be a credential in one side's bytes, as they come, cut anywhere:
 *
 *     LF name ":" value CRLF        of a secret field, or one that holds a URL: the value, with its folded lines (RFC 9112 section 5)
 *     "?" name "=" value            of a secret parameter, likewise behind "&": in request lines and wherever else it looks so
 *     "://" authority               up to its end: it may begin with user information (RFC 3986 section 3.2.1)
 *
 * It doesn't follow where messages end: every line may be one of a head. So it finds too much (a line of a body that looks like a
 * field), never too little: what it finds is hidden for a while and comes back as it was. After a gap anything may stand in the
 * rest of a line.
 */
import { isSecretHeader, isSecretParameter, isUrlHeader } from '../http/credentials.ts';

const LF = 10;
const CR = 13;
const TAB = 9;
const SPACE = 32;
const AMPERSAND = 38;
const SLASH = 47;
const COLON = 58;
const EQUALS = 61;
const QUESTION = 63;

/** No secret field's or parameter's name is longer, percent-encoded letters included. */
const NAME_BYTES_MAX = 96;
/** Bytes at the beginning of an unknown line that are taken for the rest of a credential: as long as heads are believed. */
const UNSURE_BYTES_MAX = 256 * 1024;
const AUTHORITY_BYTES_MAX = 1024;
const TWO_SLASHES = Buffer.from('//');

/** In a line without anything to hide so far. */
const PLAIN = 0;
/** At the beginning of a line, or in the name with which it begins. */
const NAME = 1;
/** To be hidden up to the line's end. */
const VALUE = 2;
/** At the line's end behind a hidden value: it may go on in the next line. */
const FOLD = 3;
/** In a line of which the beginning wasn't seen. */
const UNSURE = 4;
const PARAMETER_NAME = 5;
const PARAMETER_VALUE = 6;
/** A parameter's value that is no secret. */
const OTHER_VALUE = 7;
const AUTHORITY = 8;

/** 1 for the first letters of the fields that are looked for. */
const MAY_BEGIN_FIELD = new Uint8Array(256);
for (const letter of 'aclopsrxACLOPSRX') MAY_BEGIN_FIELD[letter.charCodeAt(0)] = 1;

export type Hide = (start: number, end: number) => void;

export class SecretFinder {
  /** Requests have parameters and URLs; responses have them in fields only. */
  readonly #isClient: boolean;
  #state: number;
  #name = '';
  /** Bytes of an unsure line or an authority so far. */
  #length = 0;
  #last = 0;
  #lastButOne = 0;
  /** Index of the next line's end in the bytes that are being scanned; -1: not known. */
  #lineEnd = -1;

  /** `fromStart`: a message begins with the first byte. */
  constructor(isClient: boolean, fromStart: boolean) {
    this.#isClient = isClient;
    this.#state = fromStart ? NAME : UNSURE;
  }

  /** Bytes are missing here. */
  gap(): void {
    this.#state = UNSURE;
    this.#name = '';
    this.#length = 0;
    this.#last = 0;
    this.#lastButOne = 0;
  }

  /** Calls `hide` with each stretch of `bytes[start … end)` that may be a part of a credential. */
  scan(bytes: Buffer, start: number, end: number, hide: Hide): void {
    const view = bytes.subarray(start, end);
    const { length } = view;
    const shifted: Hide = (from, to) => hide(start + from, start + to);
    this.#lineEnd = -1;
    for (let at = 0; at < length; ) at = this.#step(view, at, shifted);
    this.#lastButOne = length > 1 ? view[length - 2]! : this.#last;
    this.#last = view[length - 1] ?? this.#last;
  }

  /** Returns where to go on. */
  #step(bytes: Buffer, at: number, hide: Hide): number {
    switch (this.#state) {
      case PLAIN:
        return this.#isClient ? this.#plainClient(bytes, at) : this.#toNextLine(bytes, at);
      case NAME:
        return this.#fieldName(bytes, at);
      case VALUE:
        return this.#value(bytes, at, hide);
      case FOLD:
        return this.#enter(bytes[at] === SPACE || bytes[at] === TAB ? VALUE : NAME, at);
      case UNSURE:
        return this.#unsure(bytes, at, hide);
      case PARAMETER_NAME:
        return this.#parameterName(bytes, at);
      case AUTHORITY:
        return this.#authority(bytes, at, hide);
      default:
        return this.#parameterValue(bytes, at, hide);
    }
  }

  /** Index of the LF at or behind `at`; the length when there is none. */
  #lineEndAt(bytes: Buffer, at: number): number {
    if (this.#lineEnd < at) {
      const lf = bytes.indexOf(LF, at);
      this.#lineEnd = lf < 0 ? bytes.length : lf;
    }
    return this.#lineEnd;
  }

  /** To the next line that may be a field of interest, or the bytes' end. */
  #toNextLine(bytes: Buffer, at: number): number {
    const { length } = bytes;
    for (let lf = this.#lineEndAt(bytes, at); ; ) {
      if (lf < 0 || lf === length) return length;
      if (lf + 1 === length || MAY_BEGIN_FIELD[bytes[lf + 1]!] === 1) return this.#enter(NAME, lf + 1);
      lf = bytes.indexOf(LF, lf + 1);
    }
  }

  /** Up to the next place of interest: the line's end, a query, a URL. */
  #plainClient(bytes: Buffer, at: number): number {
    const lf = this.#lineEndAt(bytes, at);
    const line = bytes.subarray(at, lf);
    const question = line.indexOf(QUESTION);
    const url = this.#urlAt(question < 0 ? line : line.subarray(0, question), bytes, at);
    if (url >= 0) return this.#enter(AUTHORITY, url);
    if (question >= 0) return this.#enter(PARAMETER_NAME, at + question + 1);
    return lf === bytes.length ? lf : this.#enter(NAME, lf + 1);
  }

  /** Index behind "://" in the `part` of `bytes` that begins at `at`, or -1. */
  #urlAt(part: Buffer, bytes: Buffer, at: number): number {
    if (at === 0 && bytes[0] === SLASH && this.#last === SLASH && this.#lastButOne === COLON) return 1;
    for (let found = part.indexOf(TWO_SLASHES); found >= 0; found = part.indexOf(TWO_SLASHES, found + 1)) {
      const before = at + found - 1;
      if ((before < 0 ? this.#last : bytes[before]) === COLON) return at + found + 2;
    }
    return -1;
  }

  #enter(state: number, at: number): number {
    this.#state = state;
    this.#name = '';
    this.#length = 0;
    return at;
  }

  #fieldName(bytes: Buffer, at: number): number {
    if (this.#name === '' && MAY_BEGIN_FIELD[bytes[at]!] === 0) {
      // An empty line, or one of another kind.
      if (bytes[at] === LF) return at + 1;
      return this.#enter(PLAIN, at);
    }
    for (let i = at; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (byte === COLON) {
        const name = this.#name.trimEnd().toLowerCase();
        return this.#enter(isSecretHeader(name) || isUrlHeader(name) ? VALUE : PLAIN, i + 1);
      }
      if (!isNameByte(byte) || this.#name.length >= NAME_BYTES_MAX) return this.#enter(PLAIN, i);
      this.#name += String.fromCharCode(byte);
    }
    return bytes.length;
  }

  #value(bytes: Buffer, at: number, hide: Hide): number {
    const lf = this.#lineEndAt(bytes, at);
    const stop = lf < bytes.length && bytes[lf - 1] === CR ? lf - 1 : lf;
    const from = bytes[at] === SPACE ? at + 1 : at;
    if (stop > from) hide(from, stop);
    return lf === bytes.length ? lf : this.#enter(FOLD, lf + 1);
  }

  #unsure(bytes: Buffer, at: number, hide: Hide): number {
    const lf = this.#lineEndAt(bytes, at);
    const stop = Math.min(lf, at + UNSURE_BYTES_MAX - this.#length);
    if (stop > at) hide(at, stop);
    this.#length += stop - at;
    if (stop < lf) return this.#enter(PLAIN, stop);
    return lf === bytes.length ? lf : this.#enter(FOLD, lf + 1);
  }

  #parameterName(bytes: Buffer, at: number): number {
    for (let i = at; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (byte === EQUALS) return this.#enter(isSecretParameter(this.#name) ? PARAMETER_VALUE : OTHER_VALUE, i + 1);
      if (byte === AMPERSAND || byte === QUESTION) this.#name = '';
      else if (isParameterByte(byte) && this.#name.length < NAME_BYTES_MAX) this.#name += String.fromCharCode(byte);
      else return this.#enter(PLAIN, i);
    }
    return bytes.length;
  }

  #parameterValue(bytes: Buffer, at: number, hide: Hide): number {
    const end = bytes.length;
    let stop = at;
    while (stop < end && !endsParameter(bytes[stop]!)) stop++;
    if (this.#state === PARAMETER_VALUE && stop > at) hide(at, stop);
    if (stop === end) return end;
    const next = bytes[stop];
    return next === AMPERSAND || next === QUESTION ? this.#enter(PARAMETER_NAME, stop + 1) : this.#enter(PLAIN, stop);
  }

  #authority(bytes: Buffer, at: number, hide: Hide): number {
    const end = bytes.length;
    const most = Math.min(end, at + AUTHORITY_BYTES_MAX - this.#length);
    let stop = at;
    while (stop < most && !endsAuthority(bytes[stop]!)) stop++;
    if (stop > at) hide(at, stop);
    this.#length += stop - at;
    return stop < end || this.#length >= AUTHORITY_BYTES_MAX ? this.#enter(PLAIN, stop) : end;
  }
}

/** Letters, digits, "-" and "_", and the blanks that some put before the colon. */
function isNameByte(byte: number): boolean {
  const letter = byte | 32;
  return (letter >= 97 && letter <= 122) || (byte >= 48 && byte <= 57) || byte === 45 || byte === 95 || byte === SPACE;
}

/** What a parameter's name is made of: also "%", ".", "~", "+", "[", "]", ":" and "$". */
function isParameterByte(byte: number): boolean {
  return (byte !== SPACE && isNameByte(byte)) || [37, 46, 126, 43, 91, 93, COLON, 36].includes(byte);
}

function endsParameter(byte: number): boolean {
  return byte === AMPERSAND || byte === QUESTION || byte <= SPACE;
}

/** "/", "?", "#", a quotation mark, a backslash, angle brackets, or no visible character. */
function endsAuthority(byte: number): boolean {
  return (
    byte <= SPACE ||
    byte === SLASH ||
    byte === QUESTION ||
    byte === 35 ||
    byte === 34 ||
    byte === 92 ||
    byte === 60 ||
    byte === 62
  );
}
