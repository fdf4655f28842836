/**
 * Frames as one message between threads. A structured clone of them costs more than reading the packets that they came from, so
 * numbers go as numbers, what is the same in all frames of a connection once, and payloads by handing over their memory:
 *
 *     numbers   for each frame   offset, index of its facts, sequence, client offset, server offset, payload bytes, handed over?, segments
 *               for each segment SIDES and KINDS in one number, time, gap, length
 *     facts     what the frames of a connection have in common
 *     own       payloads with memory of their own, in order: transferred
 *     shared    all other payloads, one after the other: copied into it, and out of it again, so that a frame that is kept
 *               doesn't keep the bytes of others
 *     rest      what few frames have: (index, close, losses)
 */
import { isMarkedAsUntransferable, type Transferable } from 'node:worker_threads';
import type { CloseReason, Frame, Loss, Segment, SegmentKind, Side } from '../../../schemas/frame.ts';
import type { BusRecord } from '../../bus/bus.ts';

type Facts = Omit<Frame, 'sequence' | 'clientOffset' | 'serverOffset' | 'segments' | 'payload' | 'close' | 'losses'>;

interface Rest {
  readonly at: number;
  readonly close: CloseReason | null;
  readonly losses: readonly Loss[];
}

export interface FrameBatch {
  readonly numbers: ArrayBuffer;
  readonly facts: readonly Facts[];
  readonly own: readonly ArrayBuffer[];
  readonly shared: ArrayBuffer;
  readonly rest: readonly Rest[];
}

export interface PackedFrames {
  readonly batch: FrameBatch;
  /** What `postMessage` is to hand over. */
  readonly transfer: readonly Transferable[];
}

const FRAME_NUMBERS = 8;
const SEGMENT_NUMBERS = 4;
const KINDS: readonly SegmentKind[] = ['data', 'fin', 'rst'];
const SIDES: readonly Side[] = ['client', 'server'];
const NO_LOSSES: readonly Loss[] = [];

/** The frames are used up: their payloads belong to the receiver. */
export function packFrames(records: readonly BusRecord<Frame>[]): PackedFrames {
  const { numberCount, sharedBytes } = sizesOf(records);
  const numbers = new Float64Array(numberCount);
  // Not from the pool: it is handed over.
  const shared = Buffer.allocUnsafeSlow(sharedBytes);
  const own: ArrayBuffer[] = [];
  const rest: Rest[] = [];
  const known = new KnownFacts();
  let at = 0;
  let copied = 0;
  for (const [index, { offset, value: frame }] of records.entries()) {
    const { payload, segments, close, losses } = frame;
    const owns = ownsItsMemory(payload);
    numbers[at++] = offset;
    numbers[at++] = known.indexOf(frame);
    numbers[at++] = frame.sequence;
    numbers[at++] = frame.clientOffset;
    numbers[at++] = frame.serverOffset;
    numbers[at++] = payload.length;
    numbers[at++] = owns ? 1 : 0;
    numbers[at++] = segments.length;
    for (const { side, kind, time, gap, length } of segments) {
      numbers[at++] = (side === 'client' ? 0 : KINDS.length) + KINDS.indexOf(kind);
      numbers[at++] = time;
      numbers[at++] = gap;
      numbers[at++] = length;
    }
    if (owns) own.push(payload.buffer as ArrayBuffer);
    else {
      shared.set(payload, copied);
      copied += payload.length;
    }
    if (close !== null || losses.length > 0) rest.push({ at: index, close, losses });
  }
  const batch = { numbers: numbers.buffer, facts: known.all, own, shared: shared.buffer as ArrayBuffer, rest };
  return { batch, transfer: [numbers.buffer, shared.buffer as ArrayBuffer, ...own] };
}

export function unpackFrames({ numbers: buffer, facts, own, shared, rest }: FrameBatch): BusRecord<Frame>[] {
  const numbers = new Float64Array(buffer);
  const records: BusRecord<Frame>[] = [];
  let at = 0;
  let copied = 0;
  let handed = 0;
  let next = 0;
  while (at < numbers.length) {
    const offset = numbers[at]!;
    const fact = facts[numbers[at + 1]!]!;
    const bytes = numbers[at + 5]!;
    const owns = numbers[at + 6] === 1;
    const first = at + FRAME_NUMBERS;
    const segments = numbers[at + 7]!;
    const few = rest[next]?.at === records.length ? rest[next++] : undefined;
    const value: Frame = {
      ...fact,
      sequence: numbers[at + 2]!,
      clientOffset: numbers[at + 3]!,
      serverOffset: numbers[at + 4]!,
      segments: segmentsOf(numbers, first, segments),
      payload: owns ? Buffer.from(own[handed++]!, 0, bytes) : Buffer.from(new Uint8Array(shared, copied, bytes)),
      close: few?.close ?? null,
      losses: few?.losses ?? NO_LOSSES,
    };
    if (!owns) copied += bytes;
    at = first + segments * SEGMENT_NUMBERS;
    records.push({ key: fact.connection, offset, value });
  }
  return records;
}

function segmentsOf(numbers: Float64Array, first: number, count: number): Segment[] {
  const segments: Segment[] = [];
  for (let n = 0, at = first; n < count; n++, at += SEGMENT_NUMBERS) {
    const code = numbers[at]!;
    segments.push({
      side: SIDES[code < KINDS.length ? 0 : 1]!,
      kind: KINDS[code % KINDS.length]!,
      time: numbers[at + 1]!,
      gap: numbers[at + 2]!,
      length: numbers[at + 3]!,
    });
  }
  return segments;
}

function sizesOf(records: readonly BusRecord<Frame>[]): { readonly numberCount: number; readonly sharedBytes: number } {
  let segments = 0;
  let sharedBytes = 0;
  for (const { value } of records) {
    segments += value.segments.length;
    if (!ownsItsMemory(value.payload)) sharedBytes += value.payload.length;
  }
  return { numberCount: records.length * FRAME_NUMBERS + segments * SEGMENT_NUMBERS, sharedBytes };
}

/** Node's pool of small buffers, and a piece of something larger, must stay where they are. */
function ownsItsMemory({ buffer, byteOffset, length }: Buffer): boolean {
  return length > 0 && byteOffset === 0 && buffer.byteLength <= length * 2 && !isMarkedAsUntransferable(buffer);
}

/** Facts that frames share, each once: they are the same objects in all frames of a connection. */
class KnownFacts {
  readonly all: Facts[] = [];
  readonly #latest = new Map<string, number>();

  indexOf(frame: Frame): number {
    const before = this.#latest.get(frame.connection);
    if (before !== undefined && agree(this.all[before]!, frame)) return before;
    const { connection, network, client, server, rolesSource, fromStart, origin, probe, process, labels } = frame;
    const index =
      this.all.push({ connection, network, client, server, rolesSource, fromStart, origin, probe, process, labels }) -
      1;
    this.#latest.set(connection, index);
    return index;
  }
}

function agree(facts: Facts, frame: Frame): boolean {
  return (
    facts.client === frame.client &&
    facts.server === frame.server &&
    facts.probe === frame.probe &&
    facts.rolesSource === frame.rolesSource &&
    facts.fromStart === frame.fromStart &&
    facts.network === frame.network &&
    facts.origin === frame.origin &&
    facts.process === frame.process &&
    facts.labels === frame.labels
  );
}
