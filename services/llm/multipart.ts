/**
 * What a multipart upload says about itself (RFC 7578, RFC 2046 section 5.1.1), without its contents: the names of its fields,
 * how many bytes they have, the types of its files, and the short settings that a call is known by.
 *
 *     body = *( CRLF "--" boundary padding CRLF head CRLF CRLF content ) CRLF "--" boundary "--"
 *
 * The first delimiter may stand at the very beginning. Names of files are left out: people put their own into them.
 */
import type { RequestBytes } from './request-body.ts';

/** Settings whose values are kept, if they are short. */
const KEPT = new Set([
  'model',
  'stream',
  'response_format',
  'stream_format',
  'language',
  'temperature',
  'n',
  'size',
  'quality',
]);
const VALUE_BYTES_MAX = 100;
const NAME_CHARS_MAX = 100;
const HEAD_BYTES_MAX = 8192;
/** Fields that are told; later ones only count. */
const FIELDS_MAX = 100;
const BOUNDARY_CHARS_MAX = 200;
const CRLF = Buffer.from('\r\n');
const EMPTY = Buffer.alloc(0);

interface Field {
  readonly name: string;
  readonly type: string;
  readonly isFile: boolean;
  bytes: number;
  /** Null: not kept. */
  value: Buffer | null;
}

type Place = 'content' | 'delimiter' | 'head' | 'end';

/** The boundary of a `multipart/form-data` content type; '' for any other. */
export function boundaryOf(contentType: string): string {
  if (!/^\s*multipart\/form-data/i.test(contentType)) return '';
  const found = /;\s*boundary=(?:"([^"]*)"|([^;\s]*))/i.exec(contentType);
  const boundary = found?.[1] ?? found?.[2] ?? '';
  return boundary.length > BOUNDARY_CHARS_MAX ? '' : boundary;
}

function parameter(head: string, name: string): string | null {
  const found = new RegExp(`content-disposition:[^\\r\\n]*;\\s*${name}="((?:[^"\\\\]|\\\\.)*)"`, 'i').exec(head);
  return found === null ? null : found[1]!.slice(0, NAME_CHARS_MAX);
}

function fieldOf(head: string): Field {
  const name = parameter(head, 'name') ?? '';
  const type = /(?:^|\r\n)content-type:[ \t]*([^\r\n;]*)/i.exec(head)?.[1]?.trim() ?? '';
  const isFile = parameter(head, 'filename') !== null;
  return {
    name,
    type: type.slice(0, NAME_CHARS_MAX),
    isFile,
    bytes: 0,
    value: !isFile && KEPT.has(name) ? EMPTY : null,
  };
}

function described(field: Field): unknown {
  if (field.value !== null && field.bytes <= VALUE_BYTES_MAX) return field.value.toString('utf8');
  return field.isFile ? { bytes: field.bytes, type: field.type } : { bytes: field.bytes };
}

/** Takes the place of a request's body: what it holds is the description, as JSON. */
export class MultipartBody implements RequestBytes {
  readonly droppedBytes = 0;
  readonly isDescription = true;
  readonly #delimiter: Buffer;
  readonly #fields: Field[] = [];
  #field: Field | null = null;
  #place: Place = 'content';
  /** What can't be judged before more comes. The line end before the first delimiter may be missing. */
  #held: Buffer = CRLF;

  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`);
  }

  get heldBytes(): number {
    return this.#held.length;
  }

  /** The description so far: a JSON object with one member a field; a list where a name comes again. */
  get bytes(): Buffer {
    const json: Record<string, unknown> = Object.create(null);
    for (const [name, fields] of Map.groupBy(this.#fields, (field) => field.name)) {
      json[name] = fields.length === 1 ? described(fields[0]!) : fields.map(described);
    }
    return Buffer.from(JSON.stringify(json));
  }

  data(bytes: Buffer): void {
    let rest: Buffer = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    for (;;) {
      const next = this.#step(rest);
      if (next === null) break;
      rest = next;
    }
  }

  /** Bytes are missing here: what follows counts as content until the next delimiter. */
  gap(): void {
    this.#held = EMPTY;
    if (this.#place !== 'end') this.#place = 'content';
  }

  release(): void {
    this.#held = EMPTY;
    this.#place = 'end';
  }

  /** What is left to be looked at; null when more has to come. */
  #step(bytes: Buffer): Buffer | null {
    switch (this.#place) {
      case 'content':
        return this.#content(bytes);
      case 'delimiter':
        return this.#behindDelimiter(bytes);
      case 'head':
        return this.#head(bytes);
      case 'end':
        this.#held = EMPTY;
        return null;
    }
  }

  #wait(bytes: Buffer): null {
    // A copy: the body's bytes are only valid during the call.
    this.#held = Buffer.from(bytes);
    return null;
  }

  #content(bytes: Buffer): Buffer | null {
    const at = bytes.indexOf(this.#delimiter);
    if (at < 0) {
      const sure = Math.max(0, bytes.length - this.#delimiter.length + 1);
      this.#count(bytes.subarray(0, sure));
      return this.#wait(bytes.subarray(sure));
    }
    this.#count(bytes.subarray(0, at));
    this.#field = null;
    this.#place = 'delimiter';
    return bytes.subarray(at + this.#delimiter.length);
  }

  #count(bytes: Buffer): void {
    const field = this.#field;
    if (field === null) return;
    const room = VALUE_BYTES_MAX - field.bytes;
    if (field.value !== null && room > 0) field.value = Buffer.concat([field.value, bytes.subarray(0, room)]);
    field.bytes += bytes.length;
  }

  #behindDelimiter(bytes: Buffer): Buffer | null {
    if (bytes.length < 2) return this.#wait(bytes);
    if (bytes[0] === 0x2d && bytes[1] === 0x2d) {
      this.#place = 'end';
      return bytes;
    }
    const at = bytes.indexOf(CRLF);
    if (at < 0) return bytes.length > HEAD_BYTES_MAX ? this.#giveUp() : this.#wait(bytes);
    this.#place = 'head';
    // The line end stays: it is the empty line of a head without fields.
    return bytes.subarray(at);
  }

  #head(bytes: Buffer): Buffer | null {
    const at = bytes.indexOf('\r\n\r\n');
    if (at < 0) return bytes.length > HEAD_BYTES_MAX ? this.#giveUp() : this.#wait(bytes);
    this.#field = fieldOf(bytes.toString('utf8', 0, at));
    if (this.#fields.length < FIELDS_MAX) this.#fields.push(this.#field);
    this.#place = 'content';
    return bytes.subarray(at + 4);
  }

  /** A head that doesn't end is no head. */
  #giveUp(): null {
    this.#place = 'end';
    this.#held = EMPTY;
    return null;
  }
}
