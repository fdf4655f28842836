/** The fields of a header block as the head of a request or a response (RFC 9113 section 8.3). */
import { credentialRank } from '../credentials.ts';
import type { Credential, RequestHead, ResponseHead } from '../exchange.ts';
import { pathOf } from '../head.ts';
import type { Field } from './hpack/field.ts';

/** Names and values of a head that are kept, in characters: a field of a table may be named again and again for a byte each. */
const HEAD_CHARACTERS_MAX = 256 * 1024;

interface Read {
  readonly pseudo: ReadonlyMap<string, string>;
  readonly headers: Map<string, string>;
  readonly credential: Credential | null;
  readonly partial: boolean;
}

function read(fields: readonly Field[]): Read {
  const pseudo = new Map<string, string>();
  const headers = new Map<string, string>();
  let credential: Credential | null = null;
  let partial = false;
  let characters = 0;
  for (const { name, value, credential: own } of fields) {
    if (name === null || value === null) {
      partial = true;
      continue;
    }
    characters += name.length + value.length;
    if (name === '' || characters > HEAD_CHARACTERS_MAX) continue;
    if (name.charCodeAt(0) === 58) pseudo.set(name, value);
    else append(headers, name, value);
    if (own !== null && (credential === null || credentialRank(own.field) < credentialRank(credential.field))) {
      credential = own;
    }
  }
  return { pseudo, headers, credential, partial };
}

/** Section 8.2.3: a cookie may come in crumbs. */
function append(headers: Map<string, string>, name: string, value: string): void {
  const before = headers.get(name);
  if (before === undefined) headers.set(name, value);
  else headers.set(name, `${before}${name === 'cookie' ? '; ' : ', '}${value}`);
}

/** Null when the block is none of a request, or too little of it is known to say of which kind. */
export function requestHeadOf(fields: readonly Field[]): RequestHead | null {
  const { pseudo, headers, credential, partial } = read(fields);
  const method = pseudo.get(':method');
  if (method === undefined) return null;
  const authority = pseudo.get(':authority');
  if (authority !== undefined && !headers.has('host')) headers.set('host', authority);
  const protocol = pseudo.get(':protocol');
  if (protocol !== undefined) headers.set(':protocol', protocol);
  const target = pseudo.get(':path') ?? (method === 'CONNECT' ? (authority ?? '') : '');
  const path = target === '' ? '' : pathOf(target, protocol === undefined ? method : '');
  return { method, target, path, version: '2', headers, credential, partial };
}

/** Null when the block has no status that is known: it is a trailer section, or of a response that can't be read. */
export function responseHeadOf(fields: readonly Field[]): ResponseHead | null {
  const { pseudo, headers, partial } = read(fields);
  const status = Number(pseudo.get(':status') ?? Number.NaN);
  if (!Number.isInteger(status) || status < 100 || status > 999) return null;
  return { status, version: '2', headers, partial };
}

/** Whether the block says more than is known. */
export function isPartial(fields: readonly Field[]): boolean {
  return fields.some(({ name }) => name === null);
}
