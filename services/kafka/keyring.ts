/** The keys that seal and open payloads: several by id, so that old records stay readable while a new key is rolled out. */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BitternError } from '../common/errors.ts';

const KEY_BYTES = 32;
const HEX = /^[0-9a-f]{64}$/i;
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/;
export const KEY_ID_BYTES_MAX = 64;
const KEY_ID = /^[\x21-\x7e]{1,64}$/;

export interface KeySource {
  /** 1 to 64 printable ASCII characters without spaces. Written in clear into every record that the key seals. */
  readonly id: string;
  /** 32 random bytes as 64 hex digits or base64, for example from `openssl rand -base64 32`. Readable by its owner only (0600). */
  readonly file: string;
}

export class Keyring {
  readonly activeId: string;
  readonly #keys: ReadonlyMap<string, KeyObject>;

  /** @param activeId the key that new records are sealed with. @throws BitternError BIT_SEAL_KEY when it isn't among the keys. */
  constructor(keys: ReadonlyMap<string, Buffer>, activeId: string) {
    for (const [id, key] of keys) {
      if (!KEY_ID.test(id)) throw badKey(id, 'its id must be 1 to 64 printable ASCII characters without spaces');
      if (key.length !== KEY_BYTES) throw badKey(id, `it has ${key.length} bytes instead of ${KEY_BYTES}`);
    }
    if (!keys.has(activeId)) throw badKey(activeId, 'it is to seal new records, but is not among the configured keys');
    this.activeId = activeId;
    this.#keys = new Map([...keys].map(([id, key]) => [id, createSecretKey(key)]));
  }

  /** @throws BitternError BIT_SEAL_KEY when a file can't be read or doesn't hold a key. Never shows what the file held. */
  static fromFiles(sources: readonly KeySource[], activeId: string): Keyring {
    return new Keyring(new Map(sources.map(({ id, file }) => [id, readKey(id, file)])), activeId);
  }

  get(id: string): KeyObject | undefined {
    return this.#keys.get(id);
  }

  get active(): KeyObject {
    return this.#keys.get(this.activeId)!;
  }
}

function readKey(id: string, file: string): Buffer {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw badKey(id, `its file '${file}' can't be read`, cause);
  }
  if (HEX.test(text)) return Buffer.from(text, 'hex');
  if (BASE64.test(text)) return Buffer.from(text, 'base64url');
  throw badKey(id, `its file '${file}' must hold 32 bytes as 64 hex digits or base64 (openssl rand -base64 32)`);
}

function badKey(id: string, why: string, cause?: unknown): BitternError {
  return new BitternError('BIT_SEAL_KEY', `The sealing key '${id}' can't be used: ${why}.`, { cause });
}
