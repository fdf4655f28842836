/**
 * Credentials of the watched traffic: replaced by a keyed fingerprint before a head exists in memory as strings that
 * others can see. `Authorization: Bearer sk-…` becomes `Bearer fp_0123456789abcdef`.
 */
import { createHmac } from 'node:crypto';
import type { Credential } from './exchange.ts';

export interface MaskedValue {
  /** What may be kept in place of the value. */
  readonly stored: string;
  /** Set for fields that say who calls; null for other secrets (cookies, signatures, session tokens). */
  readonly credential: Credential | null;
}

export interface CredentialMasker {
  /** `field`: lower-case header name, or `query:` and the parameter's name. `value`: as on the wire. */
  mask(field: string, value: string): MaskedValue;
}

/** Fields that name the caller, the most telling first. Query parameters come after all of these. */
const RANKED_FIELDS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'query:'] as const;

const SECRET_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'cookie',
  'set-cookie',
  'x-amz-security-token',
  'x-auth-token',
  'x-access-token',
  'ocp-apim-subscription-key',
  // Browsers can't set headers on WebSockets, so some APIs take the key as a subprotocol.
  'sec-websocket-protocol',
]);

/** Response and request fields that hold a URL, whose query may hold a key. */
const URL_HEADERS: ReadonlySet<string> = new Set(['location', 'content-location', 'referer', 'link']);

const CALLER_PARAMETERS: ReadonlySet<string> = new Set([
  'key',
  'api_key',
  'api-key',
  'apikey',
  'access_token',
  'token',
]);
const SECRET_PARAMETERS: ReadonlySet<string> = new Set([
  ...CALLER_PARAMETERS,
  'x-amz-credential',
  'x-amz-signature',
  'x-amz-security-token',
  'client_secret',
  'sig',
]);

/** Only known schemes are kept in the clear: in `Authorization: secret words` the first word is no scheme. */
const SCHEMES: ReadonlySet<string> = new Set(['bearer', 'basic', 'token', 'apikey', 'api-key', 'key', 'digest']);

const CACHE_ENTRIES_MAX = 4096;

export function isSecretHeader(name: string): boolean {
  return SECRET_HEADERS.has(name);
}

export function isUrlHeader(name: string): boolean {
  return URL_HEADERS.has(name);
}

/** `name`: as in the query, percent-encoded or not. */
export function isSecretParameter(name: string): boolean {
  return SECRET_PARAMETERS.has(percentDecoded(name).toLowerCase());
}

/** Rank of a credential's field, 0 the most telling; used when a request carries several. */
export function credentialRank(field: string): number {
  const rank = RANKED_FIELDS.findIndex((known) => (known === 'query:' ? field.startsWith(known) : field === known));
  return rank < 0 ? RANKED_FIELDS.length : rank;
}

/** The masker in use: HMAC-SHA256 under `key`, cut to 64 bits. `key`: at least 16 bytes that stay on this installation. */
export function createCredentialMasker(key: Buffer): CredentialMasker {
  const cache = new Map<string, MaskedValue>();
  return {
    mask(field, value) {
      const id = `${field}\n${value}`;
      const known = cache.get(id);
      if (known !== undefined) return known;
      const masked = maskValue(key, field, value);
      if (cache.size >= CACHE_ENTRIES_MAX) cache.delete(cache.keys().next().value ?? '');
      cache.set(id, masked);
      return masked;
    },
  };
}

function maskValue(key: Buffer, field: string, value: string): MaskedValue {
  const { scheme, secret } = splitSecret(field, value);
  const digest = createHmac('sha256', key).update(secret, 'latin1').digest('hex');
  const fingerprint = `fp_${digest.slice(0, 16)}`;
  const stored = scheme === '' ? fingerprint : `${scheme} ${fingerprint}`;
  const names = credentialRank(field) < RANKED_FIELDS.length;
  const caller = field.startsWith('query:') ? namesCaller(field.slice('query:'.length)) : names;
  return { stored, credential: caller ? { field, fingerprint } : null };
}

function namesCaller(parameter: string): boolean {
  return CALLER_PARAMETERS.has(parameter) || parameter === 'x-amz-credential';
}

/** The part that identifies: without the scheme; of AWS Signature Version 4 the access key id, since all else changes by request. */
function splitSecret(field: string, value: string): { readonly scheme: string; readonly secret: string } {
  if (field.startsWith('query:')) {
    const plain = percentDecoded(value);
    return { scheme: '', secret: field === 'query:x-amz-credential' ? until(plain, '/') : plain };
  }
  if (field !== 'authorization' && field !== 'proxy-authorization') return { scheme: '', secret: value };
  const space = value.indexOf(' ');
  if (space < 0) return { scheme: '', secret: value };
  const scheme = value.slice(0, space);
  const rest = value.slice(space + 1).trim();
  if (scheme.startsWith('AWS4-')) {
    const at = rest.indexOf('Credential=');
    return { scheme, secret: at < 0 ? rest : until(rest.slice(at + 'Credential='.length), '/') };
  }
  return SCHEMES.has(scheme.toLowerCase()) ? { scheme, secret: rest } : { scheme: '', secret: value };
}

function until(text: string, mark: string): string {
  const at = text.indexOf(mark);
  return at < 0 ? text : text.slice(0, at);
}

/** Percent decoding that leaves what isn't valid as it is (a watched client may send anything). Bytes come out as Latin-1. */
function percentDecoded(text: string): string {
  return text.includes('%')
    ? text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : text;
}

export interface MaskedUrl {
  readonly url: string;
  readonly credential: Credential | null;
}

/** Replaces secrets in a URL's query and its user information (RFC 3986 section 3). */
export function maskUrl(url: string, masker: CredentialMasker): MaskedUrl {
  const question = url.indexOf('?');
  const front = maskUserInfo(question < 0 ? url : url.slice(0, question), masker);
  if (question < 0) return { url: front, credential: null };
  let credential: Credential | null = null;
  const parts = url
    .slice(question + 1)
    .split('&')
    .map((part) => {
      const equals = part.indexOf('=');
      if (equals < 0) return part;
      if (!isSecretParameter(part.slice(0, equals))) return part;
      const name = percentDecoded(part.slice(0, equals)).toLowerCase();
      const masked = masker.mask(`query:${name}`, part.slice(equals + 1));
      credential ??= masked.credential;
      return `${part.slice(0, equals)}=${masked.stored}`;
    });
  return { url: `${front}?${parts.join('&')}`, credential };
}

function maskUserInfo(front: string, masker: CredentialMasker): string {
  const at = front.indexOf('@');
  const scheme = front.indexOf('://');
  if (at < 0 || scheme < 0) return front;
  const slash = front.indexOf('/', scheme + 3);
  const authority = front.slice(scheme + 3, slash < 0 ? front.length : slash);
  const end = authority.lastIndexOf('@');
  if (end < 0) return front;
  const masked = masker.mask('userinfo', authority.slice(0, end)).stored;
  return front.slice(0, scheme + 3) + masked + front.slice(scheme + 3 + end);
}
