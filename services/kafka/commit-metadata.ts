/**
 * What a commit carries for its partition's next owner, as it stands at the brokers:
 *
 *     <text>                                as it was given
 *     bittern-sealed:<base64url>            sealed, where the topic's values are sealed: a checkpoint may hold some of their bytes
 *     bittern-checkpoint:<offset>:<key>     too long for a commit: a record of the checkpoint topic, which holds the text or its sealed bytes
 *
 * Text that was committed before sealing was switched on is read as it is.
 */
import type { Codec, Poison } from '../bus/bus.ts';
import { BitternError } from '../common/errors.ts';
import {
  CHECKPOINT_TOPIC,
  type CheckpointReference,
  type Checkpoints,
  needsRecord,
  readReference,
  writeReference,
} from './checkpoints.ts';
import { isKeyedCodec, isSealed, type KeyedCodec, sealedKeyId } from './sealing.ts';

const SEALED_PREFIX = 'bittern-sealed:';

/** What goes into the commit, and the record that it refers to. */
export interface WrittenMetadata {
  readonly text: string;
  readonly reference: CheckpointReference | null;
}

/** What was given to a commit. */
export interface ReadMetadata {
  readonly metadata: string;
  readonly reference: CheckpointReference | null;
  /** Why `metadata` is empty though something was committed. */
  readonly metadataMissing?: Poison;
}

export class CommitMetadata {
  readonly #groupId: string;
  readonly #codec: KeyedCodec<unknown> | null;
  readonly #checkpoints: Checkpoints;

  /** `codec`: of the topic that is consumed. */
  constructor(groupId: string, codec: Codec<unknown>, checkpoints: Checkpoints) {
    this.#groupId = groupId;
    this.#codec = isKeyedCodec(codec) ? codec : null;
    this.#checkpoints = checkpoints;
  }

  /** Resolves when what the commit refers to is durable. @throws BitternError BIT_KAFKA_METADATA_TOO_LARGE, BIT_KAFKA_TOPIC_MISSING. */
  async write(partition: number, offset: number, metadata: string): Promise<WrittenMetadata> {
    const plain = Buffer.from(metadata);
    const place = this.#place(partition);
    const sealed = plain.length === 0 ? undefined : this.#codec?.sealFor(plain, CHECKPOINT_TOPIC, place);
    const text = sealed === undefined ? metadata : SEALED_PREFIX + sealed.toString('base64url');
    const ambiguous = sealed === undefined && metadata.startsWith(SEALED_PREFIX);
    if (!ambiguous && !needsRecord(text)) return { text, reference: null };
    const reference = await this.#checkpoints.store(`${place}/${offset}`, sealed ?? plain);
    return { text: writeReference(reference), reference };
  }

  /** @throws when the brokers can't be asked for a record. */
  async read(partition: number, offset: number, text: string): Promise<ReadMetadata> {
    const reference = readReference(text);
    if (reference === null) return { ...this.#opened(partition, offset, inlineBytes(text)), reference };
    const bytes = await this.#checkpoints.load(reference);
    if (bytes !== null) return { ...this.#opened(partition, offset, bytes), reference };
    const metadataMissing = {
      code: 'BIT_CHECKPOINT_MISSING',
      message: `The checkpoint of offset ${offset} is not in '${CHECKPOINT_TOPIC}' any more, so what was in flight there is taken up in its middle: check that topic's retention and clean-up policy.`,
    };
    return { metadata: '', metadataMissing, reference: null };
  }

  bury(reference: CheckpointReference): void {
    this.#checkpoints.bury(reference);
  }

  /** One that can't be opened keeps nobody from going on without it. */
  #opened(partition: number, offset: number, bytes: Buffer): Omit<ReadMetadata, 'reference'> {
    if (!isSealed(bytes)) return { metadata: bytes.toString() };
    try {
      if (this.#codec === null) throw unknownKey(bytes);
      return { metadata: this.#codec.openFor(bytes, CHECKPOINT_TOPIC, this.#place(partition)).toString() };
    } catch (error) {
      if (!(error instanceof BitternError)) throw error;
      const message = `The checkpoint of offset ${offset} can't be opened, so what was in flight there is taken up in its middle. ${error.message}`;
      return { metadata: '', metadataMissing: { code: error.code, message } };
    }
  }

  #place(partition: number): string {
    return `${this.#groupId}/${partition}`;
  }
}

function inlineBytes(text: string): Buffer {
  return text.startsWith(SEALED_PREFIX)
    ? Buffer.from(text.slice(SEALED_PREFIX.length), 'base64url')
    : Buffer.from(text);
}

function unknownKey(sealed: Buffer): BitternError {
  return new BitternError(
    'BIT_SEAL_KEY_UNKNOWN',
    `It is sealed with the key '${sealedKeyId(sealed)}', and this stage has no key: configure it.`,
  );
}
