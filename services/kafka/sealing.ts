/**
 * Sealed payloads: the broker holds no plaintext. AES-256-GCM (NIST SP 800-38D) over the encoded record value:
 *
 *     offset  bytes  field
 *          0      2  magic B1 7E
 *          2      1  version, 1
 *          3      1  length of the key id, 1 to 64
 *          4      n  key id, ASCII
 *        4+n     12  nonce, random: never use one key for more than 2^32 records (SP 800-38D, 8.3)
 *       16+n      m  ciphertext, as long as the value
 *     16+n+m     16  authentication tag
 *
 * Authenticated besides the ciphertext: the header up to the nonce, then the topic as UTF-8, a zero byte and the record's key
 * as UTF-8. A record that is moved to another topic or key, or changed in any bit, doesn't open.
 *
 * Sealing is the outermost layer: what is sealed is the value with its Avro header, single-object or Confluent, so that the
 * broker can't tell from the bytes what they are. (The record's headers name the schema; a schema is no secret.)
 *
 * The value is sealed per topic and key, which an ordinary codec isn't told: `sealedCodec` is a KeyedCodec.
 */
import { createCipheriv, createDecipheriv, type KeyObject, randomFillSync } from 'node:crypto';
import type { Codec } from '../bus/bus.ts';
import { BitternError } from '../common/errors.ts';
import { KEY_ID_BYTES_MAX, type Keyring } from './keyring.ts';

export const SEALED_CONTENT_TYPE = 'application/vnd.bittern.sealed';
/** Record header with the id of the key that opens the value. */
export const KEY_ID_HEADER = 'bittern.key-id';

const ALGORITHM = 'aes-256-gcm';
const MAGIC_0 = 0xb1;
const MAGIC_1 = 0x7e;
const VERSION = 1;
const FIXED_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Random bytes are drawn for many nonces at once: a draw costs as much as a small record's encryption. */
const NONCES_DRAWN = 512;

export function isSealed(bytes: Buffer): boolean {
  return bytes.length >= FIXED_BYTES && bytes[0] === MAGIC_0 && bytes[1] === MAGIC_1 && bytes[2] === VERSION;
}

/** The id of the key that sealed `bytes`; call it only for what `isSealed`. */
export function sealedKeyId(bytes: Buffer): string {
  return bytes.toString('latin1', FIXED_BYTES, FIXED_BYTES + bytes[3]!);
}

export class Sealer {
  readonly #keyring: Keyring;
  readonly #header: Buffer;
  readonly #nonces = Buffer.alloc(NONCES_DRAWN * NONCE_BYTES);
  #nextNonce = this.#nonces.length;

  constructor(keyring: Keyring) {
    this.#keyring = keyring;
    const id = Buffer.from(keyring.activeId, 'latin1');
    this.#header = Buffer.concat([Buffer.from([MAGIC_0, MAGIC_1, VERSION, id.length]), id]);
  }

  seal(plain: Buffer, topic: string, key: string): Buffer {
    const header = this.#header;
    const sealed = Buffer.allocUnsafe(header.length + NONCE_BYTES + plain.length + TAG_BYTES);
    header.copy(sealed);
    const nonce = this.#nonce();
    nonce.copy(sealed, header.length);
    const cipher = createCipheriv(ALGORITHM, this.#keyring.active, nonce);
    cipher.setAAD(additionalData(header, topic, key));
    const start = header.length + NONCE_BYTES;
    cipher.update(plain).copy(sealed, start);
    cipher.final();
    cipher.getAuthTag().copy(sealed, start + plain.length);
    return sealed;
  }

  /** @throws BitternError BIT_SEAL_KEY_UNKNOWN, or BIT_SEAL_BROKEN when it isn't sealed, was changed or moved, or the key is another one. */
  open(sealed: Buffer, topic: string, key: string): Buffer {
    const idLength = isSealed(sealed) ? sealed[3]! : 0;
    const start = FIXED_BYTES + idLength + NONCE_BYTES;
    if (idLength === 0 || idLength > KEY_ID_BYTES_MAX || sealed.length < start + TAG_BYTES) {
      throw broken('it is not sealed, though this topic is; does a probe run without the sealing key?');
    }
    const secret = this.#keyring.get(sealedKeyId(sealed));
    if (secret === undefined) {
      throw new BitternError(
        'BIT_SEAL_KEY_UNKNOWN',
        `A record is sealed with the key '${sealedKeyId(sealed)}', which this stage does not have: configure it, then replay the dead letters.`,
      );
    }
    return decrypt(sealed, start, secret, additionalData(sealed.subarray(0, FIXED_BYTES + idLength), topic, key));
  }

  #nonce(): Buffer {
    if (this.#nextNonce === this.#nonces.length) {
      randomFillSync(this.#nonces);
      this.#nextNonce = 0;
    }
    const nonce = this.#nonces.subarray(this.#nextNonce, this.#nextNonce + NONCE_BYTES);
    this.#nextNonce += NONCE_BYTES;
    return nonce;
  }
}

/** A codec whose bytes depend on where the record stands. A bus that knows topic and key calls these two instead of `encode` and `decode`. */
export interface KeyedCodec<T> extends Codec<T> {
  encodeFor(value: T, topic: string, key: string): Buffer;
  /** @throws BitternError when the bytes can't be opened or read. */
  decodeFor(bytes: Buffer, topic: string, key: string): T;
  /** Of bytes that aren't a value, but may hold some of one. */
  sealFor(plain: Buffer, topic: string, key: string): Buffer;
  /** @throws BitternError BIT_SEAL_KEY_UNKNOWN, BIT_SEAL_BROKEN. */
  openFor(sealed: Buffer, topic: string, key: string): Buffer;
}

export function isKeyedCodec<T>(codec: Codec<T>): codec is KeyedCodec<T> {
  return 'encodeFor' in codec;
}

/** Seals what `codec` writes. `encode` and `decode` pass by topic and key (the in-process bus has no broker to hide anything from). */
export function sealedCodec<T>(codec: Codec<T>, keyring: Keyring): KeyedCodec<T> {
  const sealer = new Sealer(keyring);
  return {
    headers: { ...codec.headers, 'content-type': SEALED_CONTENT_TYPE, [KEY_ID_HEADER]: keyring.activeId },
    encode: (value) => sealer.seal(codec.encode(value), '', ''),
    decode: (bytes) => codec.decode(sealer.open(bytes, '', '')),
    encodeFor: (value, topic, key) => sealer.seal(codec.encode(value), topic, key),
    decodeFor: (bytes, topic, key) => codec.decode(sealer.open(bytes, topic, key)),
    sealFor: (plain, topic, key) => sealer.seal(plain, topic, key),
    openFor: (sealed, topic, key) => sealer.open(sealed, topic, key),
  };
}

function decrypt(sealed: Buffer, start: number, secret: KeyObject, data: Buffer): Buffer {
  const decipher = createDecipheriv(ALGORITHM, secret, sealed.subarray(start - NONCE_BYTES, start), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(data);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const plain = decipher.update(sealed.subarray(start, sealed.length - TAG_BYTES));
  try {
    decipher.final();
  } catch (cause) {
    throw broken('it was changed or moved to another topic or key, or another key has the same id.', cause);
  }
  return plain;
}

function additionalData(header: Buffer, topic: string, key: string): Buffer {
  return Buffer.concat([header, Buffer.from(`${topic}\0${key}`, 'utf8')]);
}

function broken(why: string, cause?: unknown): BitternError {
  return new BitternError('BIT_SEAL_BROKEN', `A sealed record can't be opened: ${why}`, { cause });
}
