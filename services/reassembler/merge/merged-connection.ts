/**
 * One connection as all its probes together saw it. Each probe tells its own order of both sides' bytes, with gaps where it
 * missed some:
 *
 *     mirror-a   C────────  S──  ··gap··  S──  C────
 *     mirror-b   ··gap····  S──  S──────  S──  ·····    (or one side only: all of the other is a gap)
 *     merged     C────────  S──  S──────  S──  C────
 *
 * What comes first is passed on, what was passed on already is dropped. A probe's order is causal, so that of the whole is:
 * nothing overtakes what stands before it in its own probe's order, and a gap is filled in its place, by whoever has the bytes.
 * A gap is believed when every probe of the connection has told of that place; until then it is waited for.
 * A reset may have cut bytes off that were on the way, and a probe may end alone: they are waited with in the same way.
 *
 * Every choice depends on the frames' order in the partition and on its clock only: who reads them again chooses the same.
 */
import type { CloseReason, Frame } from '../../../schemas/frame.ts';
import type { Carried } from '../../http/standing.ts';
import { frameEnds } from '../trim.ts';
import { RunWriter } from './run-writer.ts';
import { type Item, type Position, Source } from './source.ts';

export interface MergeLimits {
  /** How long a gap is waited for, by the partition's clock. */
  readonly waitMs: number;
  /** Memory of one connection for what may wait behind gaps, in bytes; above that the gaps are believed. */
  readonly heldBytesMax: number;
  /** True: several probes are counted on from the first frame. Else from when the second one has published into the partition. */
  readonly several: boolean;
}

/** What tells most about how a connection ended stands first. */
const REASONS: readonly CloseReason[] = ['fin', 'rst', 'replaced', 'idle', 'evicted', 'stopped', 'not_http'];

export interface Beginning extends Carried {
  readonly position: Position;
  /** A message begins there. */
  readonly synced: boolean;
  /** It has ended already: what comes is late. */
  readonly over: boolean;
  /** Number that the next merged frame has. */
  readonly sequence: number;
  /** Some of it was read already. */
  readonly delivered: boolean;
}

export class MergedConnection {
  readonly position: Position;
  readonly synced: boolean;
  /** What is known of it where it doesn't speak HTTP/1. */
  readonly carried: Carried;
  /** Some of it was read. */
  delivered: boolean;
  over: boolean;
  /** When its last frame came, by the partition's clock, ms. */
  touchedMs = 0;
  readonly #limits: MergeLimits;
  readonly #sources = new Map<string, Source>();
  readonly #writer: RunWriter;
  readonly #ended = { client: false, server: false };
  #reset = false;

  constructor(beginning: Beginning, limits: MergeLimits) {
    this.position = { ...beginning.position };
    this.synced = beginning.synced;
    const { http2, tunnel } = beginning;
    this.carried = { http2, tunnel };
    this.over = beginning.over;
    this.delivered = beginning.delivered;
    this.#limits = limits;
    this.#writer = new RunWriter(this.position, beginning.sequence);
  }

  get heldBytes(): number {
    let bytes = 0;
    for (const source of this.#sources.values()) bytes += source.heldBytes;
    return bytes;
  }

  /** Offset of the first record of which something waits; Infinity when nothing does. */
  get heldFrom(): number {
    let from = Number.POSITIVE_INFINITY;
    for (const { head } of this.#sources.values()) if (head !== undefined && head.order < from) from = head.order;
    return from;
  }

  /** When something that waits has waited long enough, by the partition's clock; Infinity when nothing waits. */
  get dueMs(): number {
    if (this.over) return Number.POSITIVE_INFINITY;
    let due = Number.POSITIVE_INFINITY;
    for (const { head } of this.#sources.values()) if (head !== undefined && head.atMs < due) due = head.atMs;
    if (this.#allEnded) for (const { endedMs } of this.#sources.values()) due = Math.min(due, endedMs);
    return due + this.#limits.waitMs;
  }

  /** What the HTTP layer may read now. */
  feed(frame: Frame, order: number, nowMs: number): Frame[] {
    this.touchedMs = nowMs;
    if (this.over) return [];
    let source = this.#sources.get(frame.probe);
    const plain = this.#isPlain(frame, source);
    if (source === undefined) {
      source = new Source(frame, this.position);
      this.#sources.set(frame.probe, source);
    }
    if (plain) {
      this.#passWhole(frame, source);
      return this.#writer.takeFrames();
    }
    if (!source.add(frame, order, nowMs)) return [];
    this.#run();
    while (this.heldBytes > this.#limits.heldBytesMax) if (!this.#giveUpFirst(Number.POSITIVE_INFINITY)) break;
    return this.#writer.takeFrames();
  }

  /** Gives up what has waited long enough at `nowMs`. */
  expire(nowMs: number): Frame[] {
    while (!this.over && this.dueMs <= nowMs) if (!this.#giveUpFirst(nowMs)) break;
    return this.#writer.takeFrames();
  }

  /** No more frames come. */
  finish(): Frame[] {
    while (!this.over) if (!this.#giveUpFirst(Number.POSITIVE_INFINITY)) break;
    return this.#writer.takeFrames();
  }

  get #allEnded(): boolean {
    for (const { last } of this.#sources.values()) if (last === null) return false;
    return this.#sources.size > 0;
  }

  // ---- the plain case: one probe, which misses nothing

  /** The frame follows what was passed on, nobody else has anything, and nothing in it is to be waited with. */
  #isPlain(frame: Frame, source: Source | undefined): boolean {
    if (this.#sources.size !== (source === undefined ? 0 : 1) || (source?.length ?? 0) > 0) return false;
    const { client, server } = this.position;
    if (frame.clientOffset !== client || frame.serverOffset !== server || source?.last != null) return false;
    if (this.#ended.client || this.#ended.server) return false;
    let ends = 0;
    for (const { kind, gap } of frame.segments) {
      if (gap > 0 || kind === 'rst') return false;
      if (kind === 'fin') ends++;
    }
    return frame.close === null ? ends === 0 : frame.close === 'fin' && ends === 2;
  }

  #passWhole(frame: Frame, source: Source): void {
    const ends = frameEnds(frame);
    source.passed(frame, ends);
    this.#writer.whole(frame, ends);
    if (frame.close !== null) this.over = true;
  }

  // ---- several probes, or gaps

  #run(): void {
    while (!this.over && (this.#passHead() || this.#fill() || this.#passSureGap()));
    if (this.over) this.#sources.clear();
  }

  /** Passes the earliest item on that nothing is in the way of. */
  #passHead(): boolean {
    let best: Source | null = null;
    for (const source of this.#sources.values()) {
      this.#dropDone(source);
      if (this.over) return true;
      const { head } = source;
      if (head === undefined || head.kind === 'gap' || (head.kind === 'rst' && !this.#othersAtEnd(source))) continue;
      if (best === null || head.order < best.head!.order) best = source;
    }
    if (best === null) return false;
    this.#pass(best.head!);
    best.take();
    return true;
  }

  /** Drops what others brought already. A last frame ends its probe's part. */
  #dropDone(source: Source): void {
    for (let item = source.head; item !== undefined; item = source.head) {
      if (item.kind === 'close') {
        source.take();
        this.#sourceEnded(source, item);
        if (this.over) return;
        continue;
      }
      const done = item.kind === 'rst' ? this.#reset : this.#ended[item.side] || this.#isBehind(item);
      if (!done) return;
      source.take();
    }
  }

  #isBehind(item: Item): boolean {
    return item.kind !== 'fin' && item.to <= this.position[item.side];
  }

  #pass(item: Item, to = item.to): void {
    if (item.kind === 'data') this.#writer.data(item, to);
    else if (item.kind === 'gap') this.#writer.gap(item, to);
    else if (item.kind === 'fin') {
      this.#ended[item.side] = true;
      this.#writer.end(item, 'fin');
      if (this.#ended.client && this.#ended.server) this.#close(item.frame, 'fin');
    } else {
      this.#reset = true;
      this.#writer.end(item, 'rst');
    }
  }

  /** Nobody has more to bring before a reset. */
  #othersAtEnd(source: Source): boolean {
    if (this.#sources.size < 2) return false;
    for (const other of this.#sources.values()) {
      if (other !== source && !other.atEnd) return false;
    }
    return true;
  }

  #sourceEnded(source: Source, { frame, atMs }: Item): void {
    source.last = frame;
    source.endedMs = atMs;
    const sure = frame.close === 'fin' || frame.close === 'rst';
    if (sure || (this.#sources.size > 1 && this.#allEnded)) this.#close(frame, frame.close!);
  }

  #close(frame: Frame, reason: CloseReason): void {
    const reasons = new Set<CloseReason | null>([reason]);
    for (const { ended } of this.#sources.values()) reasons.add(ended);
    this.over = true;
    this.#writer.close(frame, REASONS.find((each) => reasons.has(each)) ?? reason);
  }

  /** Fills the earliest gap with what another probe has of it. */
  #fill(): boolean {
    for (const source of this.#byOrder()) {
      const gap = source.head!;
      if (gap.kind !== 'gap') continue;
      let found: Item | null = null;
      for (const other of this.#sources.values()) {
        if (other === source) continue;
        const item = other.find(gap.side, this.position[gap.side]);
        if (item !== null && (found === null || item.order < found.order)) found = item;
      }
      if (found === null) continue;
      this.#pass(found, Math.min(found.to, gap.to));
      return true;
    }
    return false;
  }

  /** Believes the earliest gap that all probes of the connection have. */
  #passSureGap(): boolean {
    if (this.#sources.size < 2) return false;
    for (const source of this.#byOrder()) {
      const gap = source.head!;
      if (gap.kind !== 'gap') continue;
      const to = this.#gapEnd(gap);
      let sure = true;
      for (const other of this.#sources.values()) sure &&= other.atEnd || other.reach[gap.side] >= to;
      if (!sure) continue;
      this.#pass(gap, to);
      return true;
    }
    return false;
  }

  /** How much of a gap nobody has, from the position on. */
  #gapEnd(gap: Item): number {
    let to = gap.to;
    for (const source of this.#sources.values()) to = source.firstBehind(gap.side, this.position[gap.side], to);
    return to;
  }

  #byOrder(): Source[] {
    const waiting = [...this.#sources.values()].filter(({ head }) => head !== undefined);
    return waiting.sort((a, b) => a.head!.order - b.head!.order);
  }

  /** Waits no longer for what waits longest, if it came before `nowMs` less the wait. False when nothing waits. */
  #giveUpFirst(nowMs: number): boolean {
    const [first] = this.#byOrder();
    const due = nowMs - this.#limits.waitMs;
    if (first !== undefined) {
      const head = first.head!;
      if (head.atMs > due) return false;
      this.#pass(head, head.kind === 'gap' ? this.#gapEnd(head) : head.to);
      if (head.kind !== 'gap') first.take();
    } else if (this.#allEnded) {
      const [source] = this.#sources.values();
      if (source!.endedMs > due) return false;
      this.#closeAlone();
    } else return false;
    this.#run();
    return true;
  }

  /** Its only probe has ended, and no other has shown up. */
  #closeAlone(): void {
    const [source] = this.#sources.values();
    if (source?.last != null) this.#close(source.last, source.last.close ?? 'stopped');
  }
}
