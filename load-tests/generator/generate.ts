/** The traffic generator: a capture with an exact manifest, the same for the same options on every machine. */
import type { Manifest } from '../manifest.ts';
import { ENCAPSULATIONS, encapsulate, type Layer } from '../wire/encapsulation.ts';
import { type Address, ethernetFrame, PcapWriter } from '../wire/packets.ts';
import { CALL_WEIGHTS, type CallKind, planCall } from './call-plan.ts';
import { CARRIED_PROFILES, Conversation, PROFILES } from './conversation.ts';
import { type Captured, injectFaults } from './faults.ts';
import { layOutHttp2 } from './http2/layout.ts';
import { type Observed, type ObservedConnection, observe } from './observe.ts';
import { planOther } from './other-plan.ts';
import { type ConnectionOptions, type Packet, packetsOf, type Segmentation } from './packets.ts';
import type { PlannedExchange } from './planned.ts';
import { Random } from './random.ts';
import { planSocket } from './socket-plan.ts';
import { layOut } from './timeline.ts';

export interface GeneratorOptions {
  /** 0 to 2^32 - 1. */
  readonly seed: number;
  /** LLM calls; other exchanges come on top. */
  readonly calls: number;
  /** Shares of packets, 0 to 1. */
  readonly reorder: number;
  readonly duplicate: number;
  readonly loss: number;
  /** Captured bytes of a packet, link layer included. */
  readonly snapLengthBytes: number;
  /** Share of connections that the capture joins in the middle of. */
  readonly midStream: number;
  /** How writes are cut into packets; `mixed`: each connection in its own way. */
  readonly segmentation: Segmentation | 'mixed';
  /** Share of requests that go out before the answer to the one before. */
  readonly pipelining: number;
  /** Share of connections that speak HTTP/2. */
  readonly http2: number;
  /** What the packets are in: `none`, a name of ENCAPSULATIONS, or `mixed`: each connection in another one. Not with a snap length. */
  readonly encapsulation: string;
  /** Share of connections, of those of HTTP/1, that carry OpenAI Responses over WebSocket. */
  readonly sockets: number;
  /** Only agents that reach their models through Vertex or Code Assist. Left out: all others. */
  readonly carried?: boolean;
}

export const GENERATOR_DEFAULTS: GeneratorOptions = {
  seed: 1,
  calls: 100,
  reorder: 0,
  duplicate: 0,
  loss: 0,
  snapLengthBytes: 262_144,
  midStream: 0.03,
  segmentation: 'mixed',
  pipelining: 0.08,
  http2: 0,
  encapsulation: 'none',
  sockets: 0,
};

export interface Generated {
  readonly pcap: Buffer;
  readonly manifest: Manifest;
}

/** 18 November 2026, 10:26:40 UTC, in µs. */
const START = 1_795_000_000_000_000;
/** Ethernet, IPv4 or IPv6, and TCP headers without options. */
const HEADER_BYTES = { v4: 14 + 20 + 20, v6: 14 + 40 + 20 } as const;

/** What can't be pipelined: it ends the connection, or its answer doesn't wait for its turn. */
const ALONE: ReadonlySet<CallKind> = new Set([
  'early_error',
  'request_abort',
  'client_abort_early',
  'client_abort',
  'upstream_abort',
  'hang_up_after_end',
  'unanswered',
]);

export interface Plan {
  readonly groups: PlannedExchange[][];
  readonly calls: number;
}

class TrafficPlanner {
  readonly #random: Random;
  readonly #options: GeneratorOptions;
  #nextId = 0;

  constructor(options: GeneratorOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  /** Exchanges of one connection, at most `callsMax` calls. */
  connection(callsMax: number, http2: boolean): Plan {
    const random = this.#random.fork();
    if (!http2 && this.#options.sockets > 0 && random.chance(this.#options.sockets))
      return planSocket(callsMax, random);
    const shared = random.chance(0.15);
    const conversations = Array.from(
      { length: shared ? 3 : 1 },
      () => new Conversation(random.pick(this.#options.carried === true ? CARRIED_PROFILES : PROFILES), random.fork()),
    );
    const wanted = Math.min(callsMax, random.pick(http2 ? [1, 4, 8, 14, 30] : [1, 1, 2, 4, 8, 14]));
    const groups: PlannedExchange[][] = [];
    let calls = 0;
    while (calls < wanted) {
      const group = this.#group(conversations, wanted - calls, random);
      groups.push(group);
      calls += group.filter((planned) => planned.entry.type === 'call').length;
      // A stream that is reset leaves the others alone.
      if (!http2 && group.at(-1)!.ending !== 'keep') break;
    }
    return { groups, calls };
  }

  #group(conversations: readonly Conversation[], callsMax: number, random: Random): PlannedExchange[] {
    if (random.chance(0.1)) return [planOther(random)];
    const size = random.chance(this.#options.pipelining) ? Math.min(callsMax, random.int(2, 4)) : 1;
    const group: PlannedExchange[] = [];
    for (let at = 0; at < size; at++) {
      let kind = random.weighted(CALL_WEIGHTS);
      if (size > 1 && ALONE.has(kind)) kind = 'ok';
      const id = `req-${this.#options.seed}-${this.#nextId++}`;
      group.push(planCall(kind, random.pick(conversations), id, random, { pipelined: size > 1 }));
    }
    return group;
  }
}

interface Tuple {
  readonly client: Address;
  readonly server: Address;
}

class Network {
  readonly #random: Random;
  #nextPort = 32_768;
  /** Tuples whose connection is over, and when. */
  readonly #over: { readonly tuple: Tuple; readonly time: number }[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** A new tuple, or one whose connection ended less than a minute ago. */
  tuple(start: number): Tuple {
    const random = this.#random;
    const again = this.#over.findIndex(({ time }) => start - time > 1_000_000 && start - time < 60_000_000);
    if (again >= 0 && random.chance(0.4)) return this.#over.splice(again, 1)[0]!.tuple;
    this.#nextPort = this.#nextPort >= 60_000 ? 32_768 : this.#nextPort + 1;
    const v6 = random.chance(0.25);
    const prefix = v6 ? '2001:db8::' : '10.1.0.';
    const client = { ip: `${prefix}${random.int(2, 60)}`, port: this.#nextPort };
    const server = {
      ip: `${v6 ? '2001:db8::a:' : '10.2.0.'}${random.int(1, 9)}`,
      port: random.pick([80, 8000, 8080, 11_434, 4000]),
    };
    return { client, server };
  }

  ended(tuple: Tuple, time: number): void {
    this.#over.push({ tuple, time });
  }

  /** Initial sequence numbers; one in ten wraps around soon. */
  isn(): number {
    return this.#random.chance(0.1) ? 0xffff_ffff - this.#random.int(0, 3000) : this.#random.int(0, 0xffff_ffff);
  }
}

interface Connection extends ObservedConnection {
  readonly number: number;
}

const SEGMENTATIONS = { mss: 6, random: 2, tiny: 0.4, super: 2 } as const;

function connectionOptions(number: number, tuple: Tuple, network: Network, random: Random): ConnectionOptions {
  return {
    connection: number,
    ...tuple,
    isn: { client: network.isn(), server: network.isn() },
    segmentation: random.weighted<Segmentation>(SEGMENTATIONS),
    handshake: random.chance(0.03) ? 'syn_twice' : 'plain',
    quietEnd: random.weighted({ fin: 7, rst: 1, open: 2 }),
  };
}

/** A TCP connection that isn't HTTP: bytes that look like TLS records, or like nothing. */
function foreignConnection(number: number, start: number, network: Network, random: Random): Connection {
  const tuple = network.tuple(start);
  const noise = (length: number): Buffer => {
    const bytes = Buffer.from(random.hex(length * 2), 'hex');
    if (number % 2 === 0) bytes.set([22, 3, 1, (length - 5) >> 8, (length - 5) & 255, 1], 0);
    return bytes;
  };
  const writes = [
    { side: 'client' as const, time: start, bytes: noise(300) },
    { side: 'server' as const, time: start + 900, bytes: noise(2500) },
    { side: 'client' as const, time: start + 2000, bytes: noise(700) },
  ];
  const timeline = { writes, placed: [], keep: { client: [], server: [] }, ending: 'keep' as const, end: start + 9000 };
  const packets = packetsOf(
    timeline,
    { ...connectionOptions(number, tuple, network, random), segmentation: 'mss' },
    random,
  );
  return { number, ...tuple, http2: false, usesTable: false, placed: [], packets };
}

/**
 * Leaves out what came before the capture began: up to a request, or up to the middle of the answer before it. Never between
 * pipelined requests: whose answer comes then, nobody can know.
 */
function joinMidStream(packets: readonly Packet[], { placed, http2 }: ObservedConnection, random: Random): Packet[] {
  if (http2) {
    const from = random.int(0, packets.length - 1);
    // No connection begins with a lone byte, which may be a keep-alive.
    const first = packets.findIndex(({ payload, flags }, at) => at >= from && (payload.length > 1 || /S/.test(flags)));
    return first < 0 ? [] : packets.slice(first);
  }
  const borders = placed.flatMap((each, at) => (at > 0 && each.group !== placed[at - 1]!.group ? [at] : []));
  if (borders.length === 0) return [...packets];
  const border = random.pick(borders);
  const { requestFrom } = placed[border]!;
  const { responseFrom } = placed[border - 1]!;
  const request = packets.findIndex((packet) => packet.side === 'client' && packet.offset === requestFrom);
  const answer = packets.findIndex((packet) => packet.side === 'server' && packet.offset >= responseFrom);
  return packets.slice(random.chance(0.6) ? request : random.int(answer, request));
}

function makeConnections(options: GeneratorOptions, random: Random): Connection[] {
  const planner = new TrafficPlanner(options, random.fork());
  const network = new Network(random.fork());
  const connections: Connection[] = [];
  let start = START;
  for (let left = options.calls; left > 0; ) {
    start += random.int(1_000, 900_000);
    const number = connections.length;
    if (random.chance(0.04)) {
      connections.push(foreignConnection(number, start, network, random.fork()));
      continue;
    }
    const http2 = options.http2 > 0 && random.chance(options.http2);
    const plan = planner.connection(left, http2);
    left -= plan.calls;
    const tuple = network.tuple(start);
    const timeline = http2
      ? layOutHttp2(plan.groups, start, random.fork())
      : { ...layOut(plan.groups, start, random.fork()), usesTable: false };
    const own = connectionOptions(number, tuple, network, random);
    const settings = options.segmentation === 'mixed' ? own : { ...own, segmentation: options.segmentation };
    const packets = packetsOf(timeline, settings, random.fork());
    if (timeline.ending !== 'silent' && settings.quietEnd !== 'open') network.ended(tuple, packets.at(-1)!.time);
    connections.push({ number, ...tuple, http2, usesTable: timeline.usesTable, placed: timeline.placed, packets });
  }
  return connections;
}

/** The layers around each connection's packets; null = none. */
function layersFor({ encapsulation, snapLengthBytes }: GeneratorOptions): (connection: number) => Layer | null {
  if (encapsulation === 'none') return () => null;
  if (snapLengthBytes < GENERATOR_DEFAULTS.snapLengthBytes)
    throw new Error('a snap length goes with encapsulation none');
  const names = encapsulation === 'mixed' ? Object.keys(ENCAPSULATIONS) : [encapsulation];
  const made = names.map((name) => {
    const make = ENCAPSULATIONS[name];
    if (make === undefined) throw new Error(`unknown encapsulation ${name}: ${Object.keys(ENCAPSULATIONS).join(', ')}`);
    return make();
  });
  return (connection) => made[connection % made.length]!;
}

function writePcap(
  captured: readonly Captured[],
  connections: readonly Connection[],
  options: GeneratorOptions,
): Buffer {
  const snapLength = options.snapLengthBytes;
  const layersOf = layersFor(options);
  const writer = new PcapWriter({ snapLength });
  for (const { packet, time } of captured) {
    const { client, server } = connections[packet.connection]!;
    const [from, to] = packet.side === 'client' ? [client, server] : [server, client];
    const { seq, ack, flags, payload } = packet;
    const tcp = { from, to, seq, ack, flags, payload };
    const layer = layersOf(packet.connection);
    const frames = layer === null ? [ethernetFrame(tcp)] : encapsulate(tcp, layer);
    for (const frame of frames) writer.packet(time, frame);
  }
  return writer.bytes();
}

/** Memory: about twelve times the capture's size. For captures too large for that see reference.ts. */
export function generate(wanted: Partial<GeneratorOptions> = {}): Generated {
  const options = { ...GENERATOR_DEFAULTS, ...wanted };
  const random = new Random(options.seed);
  const connections = makeConnections(options, random.fork());
  const joins = random.fork();
  const used = new Set<string>();
  const packets = connections
    .flatMap((each) => {
      // A connection can only be joined in the middle if its addresses weren't seen before.
      const tuple = JSON.stringify([each.client, each.server]);
      const joined = joins.chance(options.midStream) && !used.has(tuple);
      used.add(tuple);
      return joined ? joinMidStream(each.packets, each, joins) : each.packets;
    })
    .sort((left, right) => left.time - right.time);
  const { captured, lost } = injectFaults(packets, options, random.fork());
  const capturedBy = Map.groupBy(captured, ({ packet }) => packet.connection);
  const lostBy = Map.groupBy(lost, (packet) => packet.connection);
  const observed: Observed = { calls: [], exchanges: [] };
  for (const each of connections) {
    const headers = each.client.ip.includes(':') ? HEADER_BYTES.v6 : HEADER_BYTES.v4;
    const payloadBytesMax = Math.max(0, options.snapLengthBytes - headers);
    observe(each, capturedBy.get(each.number) ?? [], lostBy.get(each.number) ?? [], { payloadBytesMax }, observed);
  }
  const capture = {
    type: 'capture' as const,
    source: { generator: { ...options } },
    packets: captured.length,
    lost_packets: lost.length,
    connections: connections.length,
    credentials: [
      'made-up-query-planted',
      ...[...new Set([...PROFILES, ...CARRIED_PROFILES].map(({ dialect }) => `sk-made-up-${dialect}-planted`))],
    ],
  };
  return { pcap: writePcap(captured, connections, options), manifest: { capture, ...observed } };
}
