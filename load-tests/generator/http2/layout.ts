/**
 * Lays the exchanges of one HTTP/2 connection on a time line: several at a time, their frames interleaved, with what else goes
 * over such a connection between them.
 */
import type { PlannedExchange } from '../planned.ts';
import type { Random } from '../random.ts';
import type { Placed, Range, Side, Timeline, Write } from '../timeline.ts';
import { dataFrame, frame, headerFrames, numbers, PREFACE, settings, TYPE } from './frames.ts';
import { HeaderEncoder, type Indexing } from './header-encoder.ts';
import { type Part, type Step, scriptOf } from './script.ts';

interface Scheduled extends Step {
  readonly time: number;
  readonly stream: Stream;
}

/** Where an exchange lies in the two byte streams. */
interface Stream {
  readonly planned: PlannedExchange;
  readonly id: number;
  readonly ranges: Record<Side, Range[]>;
  readonly reset: Record<Side, Range[]>;
  response: number;
  token: number;
}

const ACK = 1;
const FORBIDDEN_LENGTH_PIECES = 16_384;

class Builder {
  readonly writes: Write[] = [];
  readonly keep: Record<Side, [number, number][]> = { client: [], server: [] };
  readonly #offsets: Record<Side, number> = { client: 0, server: 0 };
  readonly #encoders: Readonly<Record<Side, HeaderEncoder>>;
  readonly #random: Random;

  constructor(indexing: Readonly<Record<Side, Indexing>>, random: Random) {
    this.#encoders = { client: new HeaderEncoder(indexing.client), server: new HeaderEncoder(indexing.server) };
    this.#random = random;
  }

  /** Returns the stream offset at which the bytes lie. */
  write(side: Side, time: number, bytes: Buffer): number {
    const from = this.#offsets[side];
    this.writes.push({ side, time, bytes });
    this.#offsets[side] += bytes.length;
    return from;
  }

  step({ side, time, part, stream }: Scheduled): void {
    if (part.kind === 'reset') {
      const bytes = frame(TYPE.reset, 0, stream.id, numbers(part.code));
      const from = this.write(side, time, bytes);
      stream.reset[side].push([from, from + bytes.length]);
      return;
    }
    const bytes = this.#bytes(side, part, stream.id);
    const from = this.write(side, time, bytes);
    // An interim response that is lost costs its exchange nothing.
    if (part.kind === 'headers' && part.role === 'interim') return;
    stream.ranges[side].push([from, from + bytes.length]);
    if (part.kind === 'headers' && part.role === 'head' && side === 'server') stream.response = from;
    if (part.kind !== 'data' || part.token === null) return;
    const content = from + 9 + (part.padding > 0 ? 1 : 0);
    stream.token = content + part.content.length - 1;
    this.keep[side].push([content + part.token.keepFrom, stream.token + 1]);
  }

  #bytes(side: Side, part: Exclude<Part, { kind: 'reset' }>, stream: number): Buffer {
    if (part.kind === 'data') return dataFrame(stream, part.content, part.padding, part.last);
    const block = this.#encoders[side].encode(part.fields);
    const pieceBytes = this.#random.chance(0.1) ? this.#random.int(5, 60) : FORBIDDEN_LENGTH_PIECES;
    return headerFrames(stream, block, part.last, pieceBytes);
  }

  /** What belongs to no exchange. */
  chatter(time: number): void {
    const random = this.#random;
    const side: Side = random.chance(0.6) ? 'client' : 'server';
    const ping = Buffer.from(random.hex(16), 'hex');
    this.write(
      side,
      time,
      random.pick([
        () => frame(TYPE.window, 0, 0, numbers(random.int(1, 1_000_000))),
        () => frame(TYPE.ping, random.chance(0.5) ? ACK : 0, 0, ping),
        () => frame(TYPE.priority, 0, random.int(1, 500) * 2 + 1, Buffer.concat([numbers(0), Buffer.of(7)])),
      ])(),
    );
  }

  opening(time: number): void {
    const server = settings([
      [3, 100],
      [4, 1_048_576],
    ]);
    if (this.#random.chance(0.3)) this.write('server', time - 300, server);
    this.write(
      'client',
      time - 200,
      Buffer.concat([PREFACE, settings([[2, 0]]), frame(TYPE.window, 0, 0, numbers(983_041))]),
    );
    if (!this.writes.some(({ side }) => side === 'server')) this.write('server', time - 100, server);
    this.write('server', time - 40, frame(TYPE.settings, ACK, 0, Buffer.alloc(0)));
    this.write('client', time - 20, frame(TYPE.settings, ACK, 0, Buffer.alloc(0)));
  }
}

/** The next exchange begins while this one goes on, or some time after it. */
function nextStart(steps: readonly Step[], start: number, random: Random): number {
  const length = Math.max(...steps.map(({ at }) => at));
  if (random.chance(0.55)) return start + random.int(20, Math.max(21, Math.min(length, 60_000)));
  return start + length + random.int(300, random.chance(0.1) ? 3_000_000 : 80_000);
}

export function layOutHttp2(
  groups: readonly (readonly PlannedExchange[])[],
  start: number,
  random: Random,
): Timeline & { readonly usesTable: boolean } {
  const choose = (): Indexing => random.weighted<Indexing>({ never: 2, some: 4, all: 4 });
  const indexing = { client: choose(), server: choose() };
  const builder = new Builder(indexing, random.fork());
  builder.opening(start);
  const scheduled: Scheduled[] = [];
  const streams: Stream[] = [];
  let begins = start;
  for (const planned of groups.flat()) {
    const id = 1 + 2 * streams.length;
    const nowhere = () => ({ client: [], server: [] });
    const stream: Stream = { planned, id, ranges: nowhere(), reset: nowhere(), response: -1, token: -1 };
    const steps = scriptOf(planned, random.fork());
    streams.push(stream);
    scheduled.push(...steps.map((step) => ({ ...step, time: begins + step.at, stream })));
    begins = nextStart(steps, begins, random);
  }
  scheduled.sort((one, two) => one.time - two.time);
  for (const step of scheduled) {
    builder.step(step);
    if (random.chance(0.05)) builder.chatter(step.time);
  }
  const end = (scheduled.at(-1)?.time ?? start) + random.int(200, 5000);
  const silent = streams.some(({ planned }) => planned.ending === 'silent');
  if (!silent && random.chance(0.2)) {
    builder.write('server', end, frame(TYPE.goaway, 0, 0, numbers(streams.at(-1)!.id, 0)));
  }
  const { writes, keep } = builder;
  const usesTable = indexing.client !== 'never' || indexing.server !== 'never';
  return { writes, placed: streams.map(place), keep, ending: silent ? 'silent' : 'keep', end: end + 100, usesTable };
}

function place({ planned, id, ranges, reset, response, token }: Stream): Placed {
  const { client, server } = ranges;
  return {
    planned,
    group: id,
    requestFrom: client[0]![0],
    requestTo: client.at(-1)![1],
    serverFrom: server[0]?.[0] ?? 0,
    responseFrom: response,
    responseTo: server.at(-1)?.[1] ?? 0,
    token,
    ranges,
    reset,
  };
}
