/**
 * Runs hostile traffic beside an innocent stream and measures what the innocent one notices: whether its bytes are the same as
 * without, how long its packets take, and what memory the probe needs.
 */
import { crc32 } from 'node:zlib';
import { Capture } from '../../mirror/capture.ts';
import { CAPTURE_DEFAULTS, type CaptureOptions } from '../../mirror/options.ts';
import type { Loss } from '../../schemas/frame.ts';
import { ethernetFrame } from '../wire/packets.ts';
import type { Hostile } from './traffic.ts';

const START = 1_700_000_000_000_000;
const ETHERNET = 1;
/** Packets of one kind that go in before it is the other's turn. */
const BATCH = 64;
/** Capture time between two packets, µs: 200,000 hostile packets a second. */
const STEP = 5;
/** Memory is looked at this often, in batches. */
const LOOK = 200;

export interface Measured {
  /** Seconds of CPU that the probe's thread worked on the innocent stream's packets, and on the hostile ones. */
  readonly innocentSeconds: number;
  readonly hostileSeconds: number;
  readonly packets: number;
  /** Of the innocent streams' bytes and gaps. A cheap one: it is counted as time of theirs. */
  readonly innocentHash: string;
  readonly frames: number;
  /** Highest memory beyond that at the beginning: JavaScript's heap and buffers, garbage included. */
  readonly memoryBytes: number;
  readonly losses: readonly Loss[];
}

const INNOCENTS = 16;
const RESPONSE = Buffer.alloc(1400, 'data: {"type":"content_block_delta"}\n\n');

/** Streams of responses on some connections, as agents get them. */
function innocent(packets: number): Buffer[] {
  const server = { ip: '10.1.0.1', port: 80 };
  const request = Buffer.from('POST /v1/messages HTTP/1.1\r\ncontent-length: 0\r\n\r\n');
  const head = Buffer.from('HTTP/1.1 200 OK\r\n\r\n'.padEnd(1400, 'x'));
  const list: Buffer[] = [];
  for (let at = 0; at < INNOCENTS; at++) {
    const client = { ip: '10.1.0.2', port: 50_000 + at };
    list.push(
      ethernetFrame({ from: client, to: server, seq: 99, ack: 0, flags: 'S' }),
      ethernetFrame({ from: server, to: client, seq: 199, ack: 100, flags: 'SA' }),
      ethernetFrame({ from: client, to: server, seq: 100, ack: 200, flags: 'PA', payload: request }),
    );
  }
  for (let count = 0; list.length < packets; count++) {
    const client = { ip: '10.1.0.2', port: 50_000 + (count % INNOCENTS) };
    const round = Math.floor(count / INNOCENTS);
    const [seq, ack] = [200 + round * 1400, 100 + request.length];
    const payload = round === 0 ? head : RESPONSE;
    list.push(ethernetFrame({ from: server, to: client, seq, ack, flags: 'PA', payload }));
  }
  return list;
}

/** Packets one after the other in one buffer: made before the clock starts, so that nothing of the making is measured, its garbage neither. */
class Packets {
  readonly count: number;
  readonly #bytes: Buffer;
  readonly #ends: Uint32Array;

  constructor(count: number, make: (index: number) => Buffer) {
    this.count = count;
    this.#ends = new Uint32Array(count);
    let bytes = Buffer.allocUnsafeSlow(count * 128);
    let end = 0;
    for (let index = 0; index < count; index++) {
      const packet = make(index);
      if (end + packet.length > bytes.length) bytes = Buffer.concat([bytes], (end + packet.length) * 2);
      packet.copy(bytes, end);
      end += packet.length;
      this.#ends[index] = end;
    }
    this.#bytes = bytes;
  }

  /** Hands the packets `from` … `to` to the capture, the first one at `time`. */
  feed(capture: Capture, from: number, to: number, time: number): void {
    let start = from === 0 ? 0 : this.#ends[from - 1]!;
    for (let index = from; index < to; index++) {
      const end = this.#ends[index]!;
      capture.packet(this.#bytes, start, end - start, end - start, time + (index - from) * STEP, ETHERNET);
      start = end;
    }
  }
}

/** `hostile` null: the innocent stream alone. Hostile and innocent packets take turns, `BATCH` of each. */
export function measure(
  hostile: Hostile | null,
  packets: number,
  options: Partial<CaptureOptions> = {},
  innocentPackets = packets,
): Measured {
  const sums = new Map<string, number>();
  let frames = 0;
  const capture = new Capture({ ...CAPTURE_DEFAULTS, ...options }, (frame) => {
    frames++;
    if (!frame.server.address.startsWith('10.1.')) return;
    const gaps = frame.segments.reduce((sum, { gap }) => sum + gap, 0);
    sums.set(frame.connection, crc32(frame.payload, (sums.get(frame.connection) ?? 0) + gaps));
  });
  const innocents = innocent(innocentPackets);
  const good = new Packets(innocents.length, (index) => innocents[index]!);
  const opening = hostile?.opening ?? [];
  const first = new Packets(opening.length, (index) => opening[index]!);
  const bad = new Packets(hostile === null ? 0 : packets, (index) => hostile!.packet(index));
  globalThis.gc?.();
  const memory = memoryWatch();
  let time = START;
  const spent = { innocent: 0, hostile: 0 };
  const feed = (list: Packets, at: number, whose: keyof typeof spent): void => {
    const to = Math.min(list.count, at + BATCH);
    const started = process.threadCpuUsage();
    if (at < to) list.feed(capture, at, to, time);
    const { user, system } = process.threadCpuUsage(started);
    spent[whose] += (user + system) / 1000;
    time += BATCH * STEP;
  };
  feed(first, 0, 'hostile');
  for (let at = 0; at < packets; at += BATCH) {
    feed(bad, at, 'hostile');
    feed(good, at, 'innocent');
    if ((at / BATCH) % LOOK === 0) memory.look();
  }
  memory.look();
  capture.end('eof');
  return {
    innocentSeconds: spent.innocent / 1000,
    hostileSeconds: spent.hostile / 1000,
    packets,
    innocentHash: [...sums.values()].join(),
    frames,
    memoryBytes: memory.highest(),
    losses: capture.takeReport().losses,
  };
}

function memoryWatch(): { look(): void; highest(): number } {
  const used = (): number => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  let most = 0;
  return { look: () => (most = Math.max(most, used() - before)), highest: () => most };
}
