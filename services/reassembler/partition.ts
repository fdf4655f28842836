/** One partition's frames: rebuilt into observations, with what is in flight and what a successor would need. */
import type { Observation } from '../../schemas/call.ts';
import type { Frame } from '../../schemas/frame.ts';
import type { ConnectionId } from '../common/types.ts';
import { HttpAssembler } from '../http/assembler.ts';
import type { ResumePoint } from '../http/connection.ts';
import type { CredentialMasker } from '../http/credentials.ts';
import type { HttpOptions, HttpStats } from '../http/options.ts';
import { CallRecognizer, type RecognizerOptions } from '../llm/recognizer.ts';
import { type Checkpoint, encodeCheckpoint } from './checkpoint.ts';
import { PartitionClock } from './clock.ts';
import { EndedConnections } from './ended.ts';
import type { Beginning, MergedConnection, MergeLimits } from './merge/merged-connection.ts';
import { LATE_MS_MAX, MERGE_DEFAULTS, ProbeMerger, type Released } from './merge/merger.ts';
import { frameEnds, trimFrame } from './trim.ts';
import { Watermark } from './watermark.ts';

/** How long things may keep a partition's watermark back, by the partition's clock. */
export interface HoldLimits {
  /** A connection without a frame for so long is taken for over: its probe died before it could say so. Above the probes' own. */
  readonly idleTimeoutMs: number;
  /** An exchange that lasts longer is stored as far as it was seen, as cut by a limit, and again when it has ended. */
  readonly holdMsMax: number;
}

export interface ReassemblerOptions {
  readonly http: HttpOptions;
  readonly llm: RecognizerOptions;
  /** Where successors read from the watermark, so that nothing may keep it back for ever; else null or absent. */
  readonly limits?: HoldLimits | null;
  /** Of connections that several probes see. */
  readonly merge?: MergeLimits;
  /** Left out: as in REASSEMBLER_DEFAULTS. */
  readonly quietMs?: number;
}

/** What was ended by the limits. */
export interface HoldCounts {
  /** Connections without a frame. */
  readonly idle: number;
  /** How often exchanges of a connection lasted too long. */
  readonly cut: number;
}

/** How often the limits are looked at, ms of the partition's clock. */
const SWEEP_INTERVAL_MS = 10_000;
/**
 * The share of the wait for another probe's bytes that one record may let pass. Nobody could publish while the brokers were away,
 * and then the others' records come shortly after the first one that tells of so much time.
 */
const WAIT_SHARE_MAX = 1 / 4;

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
  /** On which other probes are waited for. */
  readonly #mergeClock: PartitionClock;
  readonly #merger: ProbeMerger;
  readonly #ended = new EndedConnections();
  #sweptMs = 0;
  #idle = 0;
  #cut = 0;
  #ready: Observation[] = [];

  /** `checkpoint`: null when nothing was committed before. */
  constructor(options: ReassemblerOptions, masker: CredentialMasker, checkpoint: Checkpoint | null) {
    this.#recognizer = new CallRecognizer(options.llm, (observation) => this.#ready.push(observation));
    this.#limits = options.limits ?? null;
    // A tunnel may last for days, and would keep the watermark where it began.
    const http = this.#limits === null ? options.http : { ...options.http, endUpgradesAtOnce: true };
    this.#assembler = new HttpAssembler(http, this.#recognizer, masker);
    this.#told = checkpoint ?? new Map();
    this.#takenOver = checkpoint !== null;
    for (const [connection, resume] of this.#told) this.#watermark.restore(connection, resume);
    const merge = options.merge ?? MERGE_DEFAULTS;
    this.#mergeClock = new PartitionClock(merge.waitMs * WAIT_SHARE_MAX);
    this.#merger = new ProbeMerger(merge, checkpoint?.several ?? false);
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
    this.#mergeClock.advance(publishedMs);
    const { nowMs } = this.#clock;
    const mergeMs = this.#mergeClock.nowMs;
    if (this.#merger.isDue(mergeMs)) this.#release(this.#merger.release(mergeMs));
    if (this.#merger.concerns(frame, mergeMs)) this.#feedMerged(frame, offset, nowMs, mergeMs);
    else this.#feedAlone(frame, offset, nowMs);
    if (this.#limits !== null && nowMs - this.#sweptMs >= SWEEP_INTERVAL_MS) this.#sweep(this.#limits);
  }

  /** Something waits for another probe's bytes. */
  get waits(): boolean {
    return this.#merger.waits;
  }

  /** No record has come for `quietMs` of this process's time: nothing moves the partition's clock, on which others' bytes are waited for. */
  quiet(quietMs: number): void {
    const nowMs = this.#mergeClock.nowMs + quietMs;
    if (this.#merger.isDue(nowMs)) this.#release(this.#merger.release(nowMs));
  }

  /** No other probe may see the connection. */
  #feedAlone(frame: Frame, offset: number, nowMs: number): void {
    if (this.#ended.has(frame)) return;
    if (frame.close !== null) this.#ended.add(frame);
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
    this.#watermark.fed(place, beginning, resume, nowMs);
    if (
      told !== undefined &&
      (frame.close !== null || (told.state !== 'ignored' && ends.client >= told.client && ends.server >= told.server))
    ) {
      this.#told.delete(frame.connection);
    }
  }

  /** Several probes publish into this partition, and may all see the connection. */
  #feedMerged(frame: Frame, offset: number, nowMs: number, mergeMs: number): void {
    const { connection } = frame;
    this.#watermark.lateMsMax = LATE_MS_MAX;
    const merged = this.#merger.get(connection) ?? this.#merger.add(connection, this.#beginningOf(frame));
    this.#read(this.#merger.feed(merged, frame, offset, mergeMs), merged);
    const ends = frameEnds(frame);
    const place = {
      ...{ connection, offset, clientStart: frame.clientOffset, serverStart: frame.serverOffset },
      ...{ clientEnd: ends.client, serverEnd: ends.server, heldFrom: merged.heldFrom },
    };
    this.#watermark.fed(place, 'first', merged.over ? null : this.#standingMerged(connection, merged), nowMs);
  }

  #read(frames: readonly Frame[], merged: MergedConnection): void {
    for (const frame of frames) {
      if (merged.delivered) this.#assembler.feed(frame);
      else this.#assembler.feed(frame, merged.synced, merged.carried);
      merged.delivered = true;
    }
  }

  #release(released: readonly Released[]): void {
    for (const { connection, merged, frames } of released) {
      this.#read(frames, merged);
      if (merged.over) this.#watermark.closed(connection);
      else this.#watermark.moved(connection, this.#standingMerged(connection, merged), merged.heldFrom);
    }
  }

  /** Where a connection stands of which this is the first frame that may be one of several probes'. */
  #beginningOf(frame: Frame): Beginning {
    const told = this.#told.get(frame.connection);
    const reading = this.#assembler.standing(frame.connection);
    this.#told.delete(frame.connection);
    if (reading !== null) return { ...reading, synced: false, over: false, delivered: true };
    if (told !== undefined) {
      const { client, server, state, ...known } = told;
      const beginning = { position: { client, server }, sequence: 1, delivered: false, ...known };
      return { ...beginning, synced: state === 'synced', over: state === 'ignored' };
    }
    const first = frame.sequence === 0;
    const position = first ? { client: 0, server: 0 } : { client: frame.clientOffset, server: frame.serverOffset };
    return { position, synced: first || this.#takenOver, over: false, sequence: frame.sequence, delivered: false };
  }

  #standingMerged(connection: ConnectionId, merged: MergedConnection): ResumePoint {
    const resume = this.#assembler.resumePoint(connection);
    if (resume !== null) return resume;
    if (merged.delivered) return { ...merged.position, state: 'ignored' };
    const { tunnel } = merged.carried;
    if (tunnel !== undefined) return { ...merged.position, state: 'tunnel', tunnel };
    return { ...merged.position, state: merged.synced ? 'synced' : 'unsynced', ...merged.carried };
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
      this.#merger.drop(connection);
      this.#assembler.expire(connection);
      this.#watermark.closed(connection);
      this.#told.delete(connection);
      this.#idle++;
    }
    for (const connection of this.#watermark.holding(nowMs - holdMsMax)) {
      this.#assembler.tellOpen(connection);
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
    if (!this.#merger.several) this.#watermark.lateMsMax = 0;
    return { offset, metadata: encodeCheckpoint(this.#watermark.checkpoint(offset), this.#merger.several) };
  }

  /** No more frames will come: whatever is open ends as the capture's end found it. */
  end(): void {
    this.#release(this.#merger.finish());
    this.#assembler.end();
  }
}
