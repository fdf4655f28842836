/** A header field as a header block tells it. Credentials are already replaced: neither a field nor a table ever holds one. */
import { type CredentialMasker, isSecretHeader, isUrlHeader, maskUrl } from '../../credentials.ts';
import type { Credential } from '../../exchange.ts';

export interface Field {
  /** Lower case. Null: it is from a part of the dynamic table that was never seen. Empty: no valid name; to be ignored. */
  readonly name: string | null;
  /** Null when the name is: without it nobody knows whether the value is a credential. */
  readonly value: string | null;
  readonly credential: Credential | null;
  /** What it counts in a table (RFC 7541 section 4.1): octets of name and value as sent, and 32. Of an unknown name: at least. */
  readonly size: number;
}

export const FIELD_OVERHEAD_BYTES = 32;

export const UNKNOWN_FIELD: Field = { name: null, value: null, credential: null, size: FIELD_OVERHEAD_BYTES };

/** RFC 9113 section 8.2.1, and pseudo-header fields; upper case is tolerated, so that no spelling hides a credential. */
const NAME = /^:?[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** `bytes`: of the value as sent. */
export function makeField(name: string | null, value: string, masker: CredentialMasker): Field {
  if (name === null) return { ...UNKNOWN_FIELD, size: FIELD_OVERHEAD_BYTES + value.length };
  const size = FIELD_OVERHEAD_BYTES + name.length + value.length;
  if (!NAME.test(name)) return { name: '', value: '', credential: null, size };
  const lower = name.toLowerCase();
  if (isSecretHeader(lower)) {
    const { stored, credential } = masker.mask(lower, value);
    return { name: lower, value: stored, credential, size };
  }
  if (lower === ':path') {
    const { url, credential } = maskUrl(value, masker);
    return { name: lower, value: url, credential, size };
  }
  return { name: lower, value: maskedValue(lower, value, masker), credential: null, size };
}

function maskedValue(name: string, value: string, masker: CredentialMasker): string {
  if (isUrlHeader(name)) return maskUrl(value, masker).url;
  // RFC 9113 section 8.3.1 forbids user information in `:authority`; who sends it all the same sends a credential.
  const at = name === ':authority' ? value.lastIndexOf('@') : -1;
  return at < 0 ? value : masker.mask('userinfo', value.slice(0, at)).stored + value.slice(at);
}
