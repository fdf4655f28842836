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
import { PartitionClock } from './clock.ts';
import { frameEnds, trimFrame } from './trim.ts';
import { Watermark } from './watermark.ts';

/** How long things may keep a partition's watermark back, by the partition's clock. */
export interface HoldLimits {
  /** A connection without a frame for so long is taken for over: its probe died before it could say so. Above the probes' own. */
  readonly idleTimeoutMs: number;
  /** An exchange that lasts longer is stored as far as it was seen, as cut by a limit. */
  readonly holdMsMax: number;
}

export interface ReassemblerOptions {
  readonly http: HttpOptions;
  readonly llm: RecognizerOptions;
  /** Where successors read from the watermark, so that nothing may keep it back for ever; else null or absent. */
  readonly limits?: HoldLimits | null;
}

/** What was ended by the limits. */
export interface HoldCounts {
  /** Connections without a frame. */
  readonly idle: number;
  /** Connections whose exchanges lasted too long. */
  readonly cut: number;
}

/** How often the limits are looked at, ms of the partition's clock. */
const SWEEP_INTERVAL_MS = 10_000;

/** An offset to commit, and what goes with it. */
export interface Progress {
  readonly offset: number;
  readonly metadata: string;
}

export class PartitionReassembler {
  readonly #assembler: HttpAssembler;
  readonly #recognizer: CallRecognizer;
  readonly #watermark = new Watermark();
  /** What the predecessor told of connections whose frames haven't come again yet. */
  readonly #told: Map<ConnectionId, ResumePoint>;
  /** True: a predecessor's checkpoint is complete, so a connection that it doesn't name stands between two messages. */
  #takenOver: boolean;
  readonly #limits: HoldLimits | null;
  readonly #clock = new PartitionClock();
  #sweptMs = 0;
  #idle = 0;
  #cut = 0;
  #ready: Observation[] = [];

  /** `checkpoint`: null when nothing was committed before. */
  constructor(
    options: ReassemblerOptions,
    masker: CredentialMasker,
    checkpoint: Map<ConnectionId, ResumePoint> | null,
  ) {
    this.#recognizer = new CallRecognizer(options.llm, (observation) => this.#ready.push(observation));
    this.#limits = options.limits ?? null;
    // A tunnel may last for days, and would keep the watermark where it began.
    const http = this.#limits === null ? options.http : { ...options.http, endUpgradesAtOnce: true };
    this.#assembler = new HttpAssembler(http, this.#recognizer, masker);
    this.#told = checkpoint ?? new Map();
    this.#takenOver = checkpoint !== null;
    for (const [connection, resume] of this.#told) this.#watermark.restore(connection, resume);
  }

  /** Bytes of bodies that the memory ceiling of open exchanges made it let go. */
  get droppedBytes(): number {
    return this.#recognizer.stats.droppedOpenBytes;
  }

  get httpStats(): HttpStats {
    return this.#assembler.stats;
  }

  get holdCounts(): HoldCounts {
    return { idle: this.#idle, cut: this.#cut };
  }

  /** How long ago the first frame came that something unfinished needs, ms by the partition's clock; 0: nothing is unfinished. */
  get heldMs(): number {
    const sinceMs = this.#watermark.heldSinceMs;
    return sinceMs === null ? 0 : this.#clock.nowMs - sinceMs;
  }

  /** Connections of which something is unfinished or remembered. */
  get connections(): number {
    return this.#watermark.size;
  }

  /** `offset`: of the frame's record in the partition; `publishedMs`: when it was published, where that is known. */
  feed(frame: Frame, offset: number, publishedMs = 0): void {
    this.#clock.advance(publishedMs);
    const told = this.#told.get(frame.connection);
    if (told === undefined) this.#assembler.feed(frame, this.#takenOver && frame.sequence > 0);
    else if (told.state !== 'ignored') {
      this.#assembler.feed(trimFrame(frame, told.client, told.server), told.state === 'synced', told);
    }
    const ends = frameEnds(frame);
    const place = {
      ...{ connection: frame.connection, offset, clientStart: frame.clientOffset, serverStart: frame.serverOffset },
      ...{ clientEnd: ends.client, serverEnd: ends.server },
    };
    const beginning = frame.sequence === 0 ? 'first' : this.#takenOver ? 'synced' : 'unsynced';
    const resume = frame.close !== null ? null : this.#standing(frame, told, ends);
    this.#watermark.fed(place, beginning, resume, this.#clock.nowMs);
    if (
      told !== undefined &&
      (frame.close !== null || (told.state !== 'ignored' && ends.client >= told.client && ends.server >= told.server))
    ) {
      this.#told.delete(frame.connection);
    }
    if (this.#limits !== null && this.#clock.nowMs - this.#sweptMs >= SWEEP_INTERVAL_MS) this.#sweep(this.#limits);
  }

  /** Records before the next one are gone: what was told of connections before them doesn't hold any more. */
  recordsLost(): void {
    for (const connection of this.#told.keys()) this.#watermark.closed(connection);
    this.#told.clear();
    this.#takenOver = false;
  }

  #sweep({ idleTimeoutMs, holdMsMax }: HoldLimits): void {
    const { nowMs } = this.#clock;
    this.#sweptMs = nowMs;
    for (const connection of this.#watermark.idle(nowMs - idleTimeoutMs)) {
      this.#assembler.expire(connection);
      this.#watermark.closed(connection);
      this.#told.delete(connection);
      this.#idle++;
    }
    for (const connection of this.#watermark.holding(nowMs - holdMsMax)) {
      this.#assembler.cut(connection);
      const resume = this.#assembler.resumePoint(connection);
      if (resume === null) this.#watermark.closed(connection);
      else this.#watermark.moved(connection, resume);
      this.#cut++;
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
    // Nothing of it is read any more: what comes is done with as it comes.
    const [client, server] = [told?.client ?? 0, told?.server ?? 0];
    return { client: Math.max(client, ends.client), server: Math.max(server, ends.server), state: 'ignored' };
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
