/**
 * The headers of a message as they are stored: one text, a line for each field in the order in which they came.
 *
 *     user-agent: litellm/1.80.0                     a name that is known (known-names.ts) or that the operator shows: as it is, redacted
 *     authorization: Bearer fp_0123456789abcdef      a credential: its fingerprint
 *     x-tenant: fp_fedcba9876543210                  anything else: the same fingerprint of the whole value
 *     referer: https://host/path?fp_…                a URL: without its query
 *     x-note: fp_… (3000 characters)                 longer than VALUE_CHARS_MAX
 *     [more]: 7                                      fields above the limits
 *     [partial]: …                                   HTTP/2: the capture missed where some fields were sent first
 *
 * Equal values have equal fingerprints, in whatever field, so what a gateway passes on can be told from what it replaces.
 */

import { contentHash } from '../../common/hash.ts';
import { type CredentialMasker, isSecretHeader, isUrlHeader } from '../../http/credentials.ts';
import type { Headers } from '../../http/exchange.ts';
import type { Redactor } from '../redactor.ts';
import { isKnownHeader } from './known-names.ts';
import { isSecretName, looksSecret } from './secret-look.ts';

/** `all`: also unknown headers, unless their name or value looks like a secret; `known`: those are hidden; `none`: no header is stored. */
export type HeaderMode = 'all' | 'known' | 'none';

/** Fields of one message. */
const FIELDS_MAX = 100;
/** Longer values are hidden. */
const VALUE_CHARS_MAX = 512;
/** Of the whole text, the marks at its end apart. */
const TEXT_CHARS_MAX = 8192;
/** Names that are known. Forgotten when there are more. */
const KNOWN_NAMES_MAX = 1024;
const MORE = '[more]';
const PARTIAL = '[partial]: fields whose names were sent before the capture began are missing\n';
/** RFC 9110 section 5.6.2, in lower case; longer names are hidden. */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/;
const CONTROL = /[^\P{Cc}\x80-\x9f]/u;
const CONTROLS = /[^\P{Cc}\x80-\x9f]/gu;
/** With one of these in front a credential's fingerprint is that of what follows. */
const SCHEME = /^(?:bearer|basic|token) /i;
/** What the HTTP layer leaves of a credential, of each field of that name. */
const MASKED =
  /^(?:(?:(?:bearer|basic|token|api-?key|key|digest|aws4-(?:hmac|ecdsa-p256)-sha256) )?fp_[0-9a-f]{16}(?:, |$))+$/i;

export interface HeadFields {
  readonly headers: Headers;
  readonly partial: boolean;
}

/** What is done with the values of a name. `look`: it depends on what they look like. */
type Treatment = 'show' | 'url' | 'masked' | 'hide' | 'look';

/** Headers of one client hardly change: the last value of a name with its line. */
interface Known {
  /** With the colon behind it. */
  readonly name: string;
  readonly treatment: Treatment;
  value: string | null;
  line: string;
}

export interface HeaderRules {
  readonly mode: Exclude<HeaderMode, 'none'>;
  /** Names in lower case that are shown besides the known ones: the operator's, and those of identities, which have columns. */
  readonly shown: ReadonlySet<string>;
}

export class HeaderKeeper {
  readonly #rules: HeaderRules;
  readonly #masker: CredentialMasker;
  readonly #redactor: Redactor | null;
  readonly #known = new Map<string, Known>();

  constructor(rules: HeaderRules, masker: CredentialMasker, redactor: Redactor | null) {
    this.#rules = rules;
    this.#masker = masker;
    this.#redactor = redactor;
  }

  /** '' for a head that wasn't seen. */
  textOf(head: HeadFields | null): string {
    if (head === null) return '';
    const lines: string[] = [];
    let length = 0;
    for (const [name, value] of head.headers) {
      const known = this.#known.get(name) ?? this.#learn(name);
      const line = known.value === value ? known.line : this.#lineOf(known, value);
      length += line.length;
      if (lines.length === FIELDS_MAX || length > TEXT_CHARS_MAX) break;
      lines.push(line);
    }
    const left = head.headers.size - lines.length;
    if (left > 0) lines.push(`${MORE}: ${left}\n`);
    if (head.partial) lines.push(PARTIAL);
    return lines.join('');
  }

  #learn(name: string): Known {
    const stored = NAME.test(name) && this.#cleaned(name) === name ? name : this.#hidden(name);
    const known: Known = { name: `${stored}: `, treatment: this.#treatmentOf(name), value: null, line: '' };
    if (name.length > VALUE_CHARS_MAX) return known;
    if (this.#known.size >= KNOWN_NAMES_MAX) this.#known.clear();
    this.#known.set(name, known);
    return known;
  }

  #treatmentOf(name: string): Treatment {
    const { mode, shown } = this.#rules;
    if (isSecretHeader(name)) return 'masked';
    const isUrl = isUrlHeader(name) || name === 'http-referer';
    if (isKnownHeader(name) || shown.has(name)) return isUrl ? 'url' : 'show';
    if (mode === 'known' || isSecretName(name)) return 'hide';
    return isUrl ? 'url' : 'look';
  }

  #lineOf(known: Known, value: string): string {
    const line = `${known.name}${this.#valueOf(known.treatment, value)}\n`;
    if (value.length > VALUE_CHARS_MAX) return line;
    known.value = value;
    known.line = line;
    return line;
  }

  #valueOf(treatment: Treatment, value: string): string {
    if (value.length > VALUE_CHARS_MAX) return `${this.#hidden(value)} (${value.length} characters)`;
    if (treatment === 'masked' && MASKED.test(value)) return value;
    if (treatment === 'masked' || treatment === 'hide') return this.#hidden(value);
    if (treatment === 'look' && looksSecret(value)) return this.#hidden(value);
    const question = treatment === 'url' ? value.indexOf('?') : -1;
    const shown = question < 0 ? value : `${value.slice(0, question + 1)}${this.#hidden(value.slice(question + 1))}`;
    const clean = this.#cleaned(shown);
    return CONTROL.test(clean) ? clean.replace(CONTROLS, ' ') : clean;
  }

  #cleaned(text: string): string {
    return this.#redactor?.clean(text) ?? text;
  }

  #hidden(text: string): string {
    if (text === '') return '';
    // The masker keeps what it was shown.
    if (text.length > VALUE_CHARS_MAX) return this.#masker.mask('header', contentHash(text)).stored;
    return this.#masker.mask(SCHEME.test(text) ? 'authorization' : 'header', text).stored;
  }
}

export interface StoredHeader {
  readonly name: string;
  readonly value: string;
}

/** The fields of such a text, marks included: their names are in brackets, which no field's are. */
export function headersOf(text: string): StoredHeader[] {
  return text.split('\n').flatMap((line) => {
    const colon = line.indexOf(': ');
    return colon < 0 ? [] : [{ name: line.slice(0, colon), value: line.slice(colon + 2) }];
  });
}
