/** What a perfect observer of the captured packets knows: the time of each byte, and which bytes are missing. */
import { type ExpectedCall, type ExpectedExchange, type LossKind, TIME_FIELDS, type TimeField } from '../manifest.ts';
import type { Address } from '../wire/packets.ts';
import type { Captured } from './faults.ts';
import type { Packet } from './packets.ts';
import type { Placed, Range, Side } from './timeline.ts';

export interface ObservedConnection {
  readonly client: Address;
  readonly server: Address;
  readonly placed: readonly Placed[];
  readonly packets: readonly Packet[];
  readonly http2: boolean;
  /** HTTP/2: header blocks that refer to earlier ones. */
  readonly usesTable: boolean;
}

/** Capture times of one byte stream: NaN = never captured. */
class Stream {
  readonly #times: Float64Array;
  /** Moment at which a byte and all before it had come; lost bytes don't hold it up. */
  readonly #readable: Float64Array;

  constructor(length: number) {
    this.#times = new Float64Array(length).fill(Number.NaN);
    this.#readable = new Float64Array(length);
  }

  add(captured: Captured, snapped: number): void {
    const { offset } = captured.packet;
    for (let at = offset; at < offset + snapped; at++) {
      if (Number.isNaN(this.#times[at]!)) this.#times[at] = captured.time;
    }
  }

  finish(): void {
    let latest = 0;
    this.#times.forEach((time, at) => {
      if (time > latest) latest = time;
      this.#readable[at] = latest;
    });
  }

  time(at: number): number | null {
    const time = this.#times[at];
    return time === undefined || Number.isNaN(time) ? null : time;
  }

  get length(): number {
    return this.#times.length;
  }

  readable(at: number): number {
    return this.#readable[at] ?? 0;
  }

  missing(from: number, to: number): number {
    let count = 0;
    for (let at = from; at < to; at++) if (Number.isNaN(this.#times[at]!)) count++;
    return count;
  }
}

function streamLength(packets: readonly Packet[], side: Side): number {
  let length = 0;
  for (const packet of packets) {
    if (packet.side === side && packet.offset >= 0) length = Math.max(length, packet.offset + packet.payload.length);
  }
  return length;
}

/** Marks of an exchange as stream offsets; -1 = there is no such byte. */
function marks(placed: Placed): Record<TimeField, readonly [Side, number]> {
  const answered = placed.responseFrom >= 0;
  return {
    request_start: ['client', placed.requestFrom],
    request_end: ['client', placed.requestTo - 1],
    first_byte: ['server', placed.responseFrom],
    first_token: ['server', placed.token],
    response_end: ['server', answered ? placed.responseTo - 1 : -1],
  };
}

export interface Observed {
  readonly calls: ExpectedCall[];
  readonly exchanges: ExpectedExchange[];
}

export interface ObserveOptions {
  /** Captured bytes of each packet's payload at most. */
  readonly payloadBytesMax: number;
}

interface Loss {
  readonly loss: LossKind;
  readonly lost_bytes: number;
  /** Not one byte of it was captured. */
  readonly all: boolean;
}

function rangesOf(placed: Placed): Readonly<Record<Side, readonly Range[]>> {
  const { requestFrom, requestTo, serverFrom, responseTo } = placed;
  return placed.ranges ?? { client: [[requestFrom, requestTo]], server: [[serverFrom, responseTo]] };
}

function lossOf(placed: Placed, streams: Record<Side, Stream>, control: boolean): Loss {
  const ranges = rangesOf(placed);
  const { serverFrom, responseFrom } = placed;
  // Interim responses carry nothing of a call: that of one is lost shows only where the next byte stands.
  const interim =
    placed.ranges === undefined && responseFrom >= 0 ? streams.server.missing(serverFrom, responseFrom) : 0;
  let lostBytes = 0;
  let sent = 0;
  for (const side of ['client', 'server'] as const) {
    for (const [from, to] of ranges[side]) {
      lostBytes += streams[side].missing(from, to);
      sent += to - from;
    }
  }
  const beside = lostBytes > 0 ? 'near' : control ? 'control' : 'none';
  return {
    loss: lostBytes > interim ? 'data' : beside,
    lost_bytes: lostBytes,
    all: lostBytes === sent,
  };
}

/** Fills in addresses, times and losses. Calls of which nothing was captured at all aren't listed. */
export function observe(
  connection: ObservedConnection,
  captured: readonly Captured[],
  lost: readonly Packet[],
  options: ObserveOptions,
  into: Observed,
): void {
  const streams: Record<Side, Stream> = {
    client: new Stream(streamLength(connection.packets, 'client')),
    server: new Stream(streamLength(connection.packets, 'server')),
  };
  for (const each of captured) {
    const { packet } = each;
    if (packet.offset >= 0) streams[packet.side].add(each, Math.min(packet.payload.length, options.payloadBytesMax));
  }
  streams.client.finish();
  streams.server.finish();
  const control = lost.some((packet) => /[SFR]/.test(packet.flags));
  let hitGroup = -1;
  for (const placed of connection.placed) {
    const { all, ...loss } = lossOf(placed, streams, control);
    const beside = connection.http2 ? isNearLoss(placed, streams, connection.usesTable) : placed.group === hitGroup;
    const near = loss.loss !== 'data' && beside;
    if (!all) add(connection, placed, streams, near ? { ...loss, loss: 'near' } : loss, near && control, into);
    if (loss.loss === 'data') hitGroup = placed.group;
  }
}

/** After a gap frames are looked for; what lies this far behind one may not be found at once. */
const SEARCHED_BYTES = 40_000;

/**
 * HTTP/2: bytes are missing that may cost this exchange something although they are none of its own: between its frames, shortly
 * before them, or anywhere before them when its header blocks refer to what was sent there.
 */
function isNearLoss(placed: Placed, streams: Record<Side, Stream>, usesTable: boolean): boolean {
  const ranges = rangesOf(placed);
  // A stream that is reset was open until then, behind the last of its bytes.
  const isReset = [placed.reset?.client, placed.reset?.server].some((frames) => (frames ?? []).length > 0);
  return (['client', 'server'] as const).some((side) => {
    const reset = placed.reset?.[side] ?? [];
    const missing = (from: number, to: number) => streams[side].missing(Math.max(0, from), to) > 0;
    if (reset.some(([from, to]) => missing(from - SEARCHED_BYTES, to))) return true;
    const [first, last] = [ranges[side][0], ranges[side].at(-1)];
    if (first === undefined || last === undefined) return missing(0, streams[side].length);
    return missing(usesTable ? 0 : first[0] - SEARCHED_BYTES, last[1] + (isReset ? SEARCHED_BYTES : 0));
  });
}

const END_OPEN = {
  outcome: ['client_abort', 'upstream_abort', 'timeout', 'partial_capture'],
  completeness: ['tail_missing'],
};

function add(
  connection: ObservedConnection,
  placed: Placed,
  streams: Record<Side, Stream>,
  loss: Omit<Loss, 'all'>,
  /** Who hung up may be unknown, though nothing of it says so. */
  endOpen: boolean,
  into: Observed,
): void {
  const { entry } = placed.planned;
  const { client, server } = connection;
  const addresses = { client_ip: client.ip, client_port: client.port, server_ip: server.ip, server_port: server.port };
  const index = into.calls.length + into.exchanges.length;
  if (entry.type === 'exchange') {
    into.exchanges.push({ type: 'exchange', index, expected: { ...addresses, ...entry.facts }, ...loss });
    return;
  }
  const times: Partial<Record<TimeField, number | null>> = {};
  const latest: Partial<Record<TimeField, number>> = {};
  const where = marks(placed);
  for (const field of TIME_FIELDS) {
    const [side, offset] = where[field];
    const time = offset < 0 ? null : streams[side].time(offset);
    times[field] = time;
    if (time !== null && streams[side].readable(offset) > time) latest[field] = streams[side].readable(offset);
  }
  const { facts, either, content } = entry;
  const protocol = connection.http2 ? 'h2' : 'http/1.1';
  into.calls.push({
    type: 'call',
    index,
    expected: { ...addresses, protocol, ...facts, ...times },
    either: endOpen ? { ...either, ...END_OPEN } : either,
    latest,
    ...loss,
    ...content,
  });
}
