/**
 * Lays the exchanges of one connection on a time line: when which side writes which bytes, and where in the two byte streams
 * each message lies.
 */

import type { TimedBytes, WireMessage } from './http-message.ts';
import type { Ending, PlannedExchange } from './planned.ts';
import type { Random } from './random.ts';

export type Side = 'client' | 'server';

/** Offsets [from, to) in a byte stream. */
export type Range = readonly [from: number, to: number];

export interface Write {
  readonly side: Side;
  /** µs since the epoch. */
  readonly time: number;
  readonly bytes: Buffer;
}

/** Offsets in the two byte streams; -1 = there is no such byte. */
export interface Placed {
  readonly planned: PlannedExchange;
  /** Exchanges that were pipelined have the same number. */
  readonly group: number;
  readonly requestFrom: number;
  readonly requestTo: number;
  /** Interim responses included. */
  readonly serverFrom: number;
  readonly responseFrom: number;
  readonly responseTo: number;
  readonly token: number;
  /** Where its frames lie, when other exchanges' frames lie between them. */
  readonly ranges?: Readonly<Record<Side, readonly Range[]>>;
  /** Where the frame lies that breaks it off. */
  readonly reset?: Readonly<Record<Side, readonly Range[]>>;
}

export interface Timeline {
  readonly writes: readonly Write[];
  readonly placed: readonly Placed[];
  readonly keep: Readonly<Record<Side, readonly (readonly [number, number])[]>>;
  readonly ending: Ending;
  readonly end: number;
}

class Builder {
  readonly writes: Write[] = [];
  readonly placed: Placed[] = [];
  readonly keep: Record<Side, [number, number][]> = { client: [], server: [] };
  readonly offsets: Record<Side, number> = { client: 0, server: 0 };
  group = 0;
  now: number;

  constructor(start: number) {
    this.now = start;
  }

  write(side: Side, part: TimedBytes, start: number): void {
    this.writes.push({ side, time: start + part.atUs, bytes: part.bytes });
    this.offsets[side] += part.bytes.length;
  }

  message(side: Side, message: WireMessage, start: number): number {
    const from = this.offsets[side];
    for (const [low, high] of message.keep) this.keep[side].push([from + low, from + high]);
    for (const part of message.parts) this.write(side, part, start);
    return from;
  }
}

const lastAt = (message: WireMessage): number => message.parts.at(-1)?.atUs ?? 0;

/** The answer, after the request is through. `requestFrom` is where the request lies. */
function respond(builder: Builder, planned: PlannedExchange, requestFrom: number): void {
  const serverFrom = builder.offsets.server;
  for (const interim of planned.interim) {
    builder.write('server', { bytes: interim, atUs: 0 }, builder.now);
    builder.now += 150;
  }
  builder.now += planned.thinkUs;
  let responseFrom = -1;
  if (planned.response !== null) {
    responseFrom = builder.message('server', planned.response, builder.now);
    builder.now += lastAt(planned.response);
  }
  const token = planned.response === null ? -1 : planned.response.tokenOffset;
  builder.placed.push({
    planned,
    group: builder.group,
    requestFrom,
    requestTo: requestFrom + planned.request.length,
    serverFrom,
    responseFrom,
    responseTo: builder.offsets.server,
    token: token < 0 ? -1 : responseFrom + token,
  });
}

/** `100 Continue` comes between the request's head and its body. */
function exchangeWithContinue(builder: Builder, planned: PlannedExchange): void {
  const requestFrom = builder.message('client', planned.request, builder.now);
  const serverFrom = builder.offsets.server;
  const [first, ...others] = planned.interim;
  builder.write('server', { bytes: first!, atUs: 0 }, builder.now + 450);
  builder.now += lastAt(planned.request) + 60;
  respond(builder, { ...planned, interim: others }, requestFrom);
  const placed = builder.placed.pop()!;
  builder.placed.push({ ...placed, planned, serverFrom });
}

/** The answer comes while the request still goes out, and both go on side by side. */
function exchangeWithEarlyAnswer(builder: Builder, planned: PlannedExchange, earlyUs: number): void {
  const { request, response } = planned;
  const start = builder.now;
  const requestFrom = builder.message('client', request, start);
  const responseFrom = builder.message('server', response!, start + earlyUs);
  builder.now = start + Math.max(lastAt(request), earlyUs + lastAt(response!));
  builder.placed.push({
    planned,
    group: builder.group,
    requestFrom,
    requestTo: requestFrom + request.length,
    serverFrom: responseFrom,
    responseFrom,
    responseTo: builder.offsets.server,
    token: -1,
  });
}

/** Each group's requests go out together (pipelining); the answers come in their order. */
export function layOut(groups: readonly (readonly PlannedExchange[])[], start: number, random: Random): Timeline {
  const builder = new Builder(start);
  for (const group of groups) {
    const [only] = group;
    if (only!.follows !== true) builder.group++;
    if (group.length === 1 && only!.earlyUs !== undefined) {
      exchangeWithEarlyAnswer(builder, only!, only!.earlyUs);
    } else if (group.length === 1 && lastAt(only!.request) > 0 && only!.interim.length > 0) {
      exchangeWithContinue(builder, only!);
    } else {
      const starts = group.map((planned) => {
        const from = builder.message('client', planned.request, builder.now);
        builder.now += lastAt(planned.request);
        return from;
      });
      builder.now += 60;
      group.forEach((planned, at) => {
        respond(builder, planned, starts[at]!);
      });
    }
    builder.now += random.int(300, random.chance(0.1) ? 3_000_000 : 80_000);
  }
  const ending = groups.at(-1)?.at(-1)?.ending ?? 'keep';
  const { writes, placed, keep, now } = builder;
  return { writes, placed, keep, ending, end: now };
}
