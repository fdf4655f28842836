/** One partition's frames: rebuilt into observations, with what is in flight and what a successor would need. */
import type { Observation } from '../../schemas/call.ts';
import type { Frame } from '../../schemas/frame.ts';
import type { ConnectionId } from '../common/types.ts';
import { HttpAssembler } from '../http/assembler.ts';
import type { ResumePoint } from '../http/connection.ts';
import type { CredentialMasker } from '../http/credentials.ts';
import type { HttpOptions, HttpStats } from '../http/options.ts';
import { CallRecognizer, type RecognizerOptions } from '../llm/recognizer.ts';
import { encodeCheckpoint } from './checkpoint.ts';
import { frameEnds, trimFrame } from './trim.ts';
import { Watermark } from './watermark.ts';

export interface ReassemblerOptions {
  readonly http: HttpOptions;
  readonly llm: RecognizerOptions;
}

/** An offset to commit, and what goes with it. */
export interface Progress {
  readonly offset: number;
  readonly metadata: string;
}

export class PartitionReassembler {
  readonly #assembler: HttpAssembler;
  readonly #watermark = new Watermark();
  /** What the predecessor told of connections whose frames haven't come again yet. */
  readonly #told: Map<ConnectionId, ResumePoint>;
  /** True: a predecessor's checkpoint is complete, so a connection that it doesn't name stands between two messages. */
  readonly #takenOver: boolean;
  #ready: Observation[] = [];

  /** `checkpoint`: null when nothing was committed before. */
  constructor(
    options: ReassemblerOptions,
    masker: CredentialMasker,
    checkpoint: Map<ConnectionId, ResumePoint> | null,
  ) {
    const recognizer = new CallRecognizer(options.llm, (observation) => this.#ready.push(observation));
    this.#assembler = new HttpAssembler(options.http, recognizer, masker);
    this.#told = checkpoint ?? new Map();
    this.#takenOver = checkpoint !== null;
    for (const [connection, resume] of this.#told) this.#watermark.restore(connection, resume);
  }

  get httpStats(): HttpStats {
    return this.#assembler.stats;
  }

  /** `offset`: of the frame's record in the partition. */
  feed(frame: Frame, offset: number): void {
    const told = this.#told.get(frame.connection);
    if (told === undefined) this.#assembler.feed(frame, this.#takenOver && frame.sequence > 0);
    else if (told.state !== 'ignored') {
      this.#assembler.feed(trimFrame(frame, told.client, told.server), told.state === 'synced');
    }
    const ends = frameEnds(frame);
    const place = {
      ...{ connection: frame.connection, offset, clientStart: frame.clientOffset, serverStart: frame.serverOffset },
      ...{ clientEnd: ends.client, serverEnd: ends.server },
    };
    this.#watermark.fed(place, frame.sequence === 0, frame.close !== null ? null : this.#standing(frame, told, ends));
    if (
      told !== undefined &&
      (frame.close !== null || (told.state !== 'ignored' && ends.client >= told.client && ends.server >= told.server))
    ) {
      this.#told.delete(frame.connection);
    }
  }

  /** Where the connection can be taken up again. */
  #standing(
    frame: Frame,
    told: ResumePoint | undefined,
    ends: { readonly client: number; readonly server: number },
  ): ResumePoint {
    const resume = this.#assembler.resumePoint(frame.connection);
    if (resume !== null) return resume;
    return told ?? { ...ends, state: 'ignored' };
  }

  /** Observations since the last call, in order. */
  takeReady(): Observation[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  /** What may be committed once everything taken so far is durable. `next`: the offset after the last record fed. */
  progress(next: number): Progress {
    const offset = this.#watermark.low(next);
    return { offset, metadata: encodeCheckpoint(this.#watermark.checkpoint(offset)) };
  }

  /** No more frames will come: whatever is open ends as the capture's end found it. */
  end(): void {
    this.#assembler.end();
  }
}
