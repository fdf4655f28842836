/**
 * The connections of a partition that more than one probe may see. While a single probe publishes into the partition there are
 * none, and nothing is looked at.
 */
import type { Frame } from '../../../schemas/frame.ts';
import type { ConnectionId } from '../../common/types.ts';
import { type Beginning, MergedConnection, type MergeLimits } from './merged-connection.ts';

export const MERGE_DEFAULTS: MergeLimits = { waitMs: 5_000, heldBytesMax: 16 * 1024 * 1024, several: false };

/** A probe that has published nothing for so long, by the partition's clock, is gone. */
const PROBE_GONE_MS = 15 * 60_000;
/** How long another probe's late frames are told from a new connection's after the end. */
export const LATE_MS_MAX = 60_000;
/** Ended connections that are remembered for that. */
const ENDED_MAX = 16_384;
/** Bytes of all connections that may wait behind gaps. */
const HELD_BYTES_MAX = 128 * 1024 * 1024;
const SWEEP_INTERVAL_MS = 10_000;

/** Frames of a connection that may be read now, without a frame of its own being the cause. */
export interface Released {
  readonly connection: ConnectionId;
  readonly merged: MergedConnection;
  readonly frames: readonly Frame[];
}

export class ProbeMerger {
  readonly #limits: MergeLimits;
  readonly #probes = new Map<string, number>();
  readonly #connections = new Map<ConnectionId, MergedConnection>();
  readonly #waiting = new Map<ConnectionId, MergedConnection>();
  readonly #ended = new Set<ConnectionId>();
  /** The predecessor had several probes: they are counted on until they had the time to show up. */
  #told: boolean;
  #several: boolean;
  #heldBytes = 0;
  #latest = '';
  #dueMs = Number.POSITIVE_INFINITY;
  #sweptMs = 0;

  /** `several`: what the predecessor's checkpoint says. */
  constructor(limits: MergeLimits, several: boolean) {
    this.#limits = limits;
    this.#told = several;
    this.#several = several || limits.several;
  }

  /** More than one probe publishes into this partition. */
  get several(): boolean {
    return this.#several;
  }

  /** Whether the frame must be given to `feed`: its connection may have more than one probe. */
  concerns(frame: Frame, nowMs: number): boolean {
    if (frame.probe !== this.#latest || nowMs - this.#sweptMs >= SWEEP_INTERVAL_MS) this.#note(frame.probe, nowMs);
    if (this.#connections.size === 0 && !this.#several) return false;
    // Who joined in the middle counts from where it joined: another probe's numbers are others.
    return this.#connections.has(frame.connection) || (this.#several && frame.fromStart);
  }

  /** Something waits for another probe's bytes. */
  get waits(): boolean {
    return this.#waiting.size > 0;
  }

  get(id: ConnectionId): MergedConnection | undefined {
    return this.#connections.get(id);
  }

  add(id: ConnectionId, beginning: Beginning): MergedConnection {
    const merged = new MergedConnection(beginning, this.#limits);
    this.#connections.set(id, merged);
    return merged;
  }

  /** @returns what may be read now */
  feed(merged: MergedConnection, frame: Frame, order: number, nowMs: number): Frame[] {
    const held = merged.heldBytes;
    const frames = merged.feed(frame, order, nowMs);
    this.#settle(frame.connection, merged, held);
    return frames;
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#dueMs || this.#heldBytes > HELD_BYTES_MAX;
  }

  /** What has waited long enough at `nowMs`, or is too much to be held. */
  release(nowMs: number): Released[] {
    const released: Released[] = [];
    if (nowMs >= this.#dueMs) this.#expire(nowMs, released);
    while (this.#heldBytes > HELD_BYTES_MAX) {
      const [first] = this.#waiting;
      if (first === undefined) break;
      this.#let(first[0], first[1], released, () => first[1].finish());
    }
    return released;
  }

  /** No more frames come. */
  finish(): Released[] {
    const released: Released[] = [];
    for (const [id, merged] of this.#connections) {
      if (!merged.over) this.#let(id, merged, released, () => merged.finish());
    }
    return released;
  }

  /** The connection was ended without a frame. */
  drop(id: ConnectionId): void {
    const merged = this.#connections.get(id);
    if (merged === undefined) return;
    this.#heldBytes -= merged.heldBytes;
    this.#connections.delete(id);
    this.#waiting.delete(id);
    this.#ended.delete(id);
  }

  #expire(nowMs: number, released: Released[]): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
    for (const [id, merged] of [...this.#waiting]) {
      if (merged.dueMs <= nowMs) this.#let(id, merged, released, () => merged.expire(nowMs));
      this.#dueMs = Math.min(this.#dueMs, merged.dueMs);
    }
  }

  #let(id: ConnectionId, merged: MergedConnection, released: Released[], give: () => Frame[]): void {
    const held = merged.heldBytes;
    const frames = give();
    released.push({ connection: id, merged, frames });
    this.#settle(id, merged, held);
    // Nothing more can be given up, whatever still waits: it must not be asked for ever.
    if (merged.dueMs === Number.POSITIVE_INFINITY) this.#waiting.delete(id);
  }

  #settle(id: ConnectionId, merged: MergedConnection, heldBefore: number): void {
    this.#heldBytes += merged.heldBytes - heldBefore;
    const { dueMs } = merged;
    if (dueMs === Number.POSITIVE_INFINITY) this.#waiting.delete(id);
    else {
      this.#waiting.set(id, merged);
      this.#dueMs = Math.min(this.#dueMs, dueMs);
    }
    if (merged.over && !this.#ended.has(id)) {
      this.#ended.add(id);
      const [oldest] = this.#ended;
      if (this.#ended.size > ENDED_MAX && oldest !== undefined) this.drop(oldest);
    }
  }

  /** Who publishes is looked at when the name changes, and now and then. */
  #note(probe: string, nowMs: number): void {
    this.#latest = probe;
    this.#probes.set(probe, nowMs);
    if (nowMs - this.#sweptMs >= SWEEP_INTERVAL_MS) this.#sweep(nowMs);
    this.#several = this.#told || this.#limits.several || this.#probes.size > 1;
  }

  #sweep(nowMs: number): void {
    this.#sweptMs = nowMs;
    if (nowMs >= PROBE_GONE_MS) this.#told = false;
    for (const [probe, seenMs] of this.#probes) if (nowMs - seenMs > PROBE_GONE_MS) this.#probes.delete(probe);
    for (const id of this.#ended) {
      if (nowMs - (this.#connections.get(id)?.touchedMs ?? 0) > LATE_MS_MAX) this.drop(id);
    }
  }
}
