/** Played calls on TCP connections: each goes on a free one of its address, as pools of clients and gateways do, else on a new one. */
import type { WireMessage } from '../generator/http-message.ts';
import { type Packet, packetsOf, type Segmentation } from '../generator/packets.ts';
import type { Ending } from '../generator/planned.ts';
import { Random } from '../generator/random.ts';
import type { Write } from '../generator/timeline.ts';
import { type Address, ethernetFrame, PcapWriter } from '../wire/packets.ts';
import type { PlayedCall } from './played.ts';

/** A connection that was idle for so long is closed, µs. */
const IDLE_MAX = 60_000_000;
/** Between an answer's end and the next request on its connection, µs at least. */
const REUSE_AFTER = 60_000;

/** When the packets of a call's first request byte and last answer byte were captured, µs; which call it is on the wire. */
export interface Seen {
  readonly clientIp: string;
  readonly clientPort: number;
  readonly start: number;
  readonly end: number;
}

export interface CapturedSessions {
  /** One capture a connection. */
  readonly connections: readonly Buffer[];
  readonly whole: Buffer;
  /** By the call's index. */
  readonly seen: ReadonlyMap<number, Seen>;
}

interface Laid {
  readonly call: PlayedCall;
  readonly requestFrom: number;
  readonly responseTo: number;
}

class Connection {
  readonly client: Address;
  readonly server: Address;
  readonly writes: Write[] = [];
  readonly laid: Laid[] = [];
  readonly #sent = { client: 0, server: 0 };
  freeAt = 0;
  ending: Ending = 'keep';

  constructor(client: Address, server: Address) {
    this.client = client;
    this.server = server;
  }

  add(call: PlayedCall): void {
    const requestFrom = this.#sent.client;
    this.#write('client', call.request, call.start);
    this.#write('server', call.response, call.responseStart);
    this.laid.push({ call, requestFrom, responseTo: this.#sent.server });
    this.freeAt = call.end + REUSE_AFTER;
    this.ending = call.ending;
  }

  /** A bodiless request that some clients open their connections with. */
  probe(path: string, before: number): void {
    const lines = (text: string): Buffer => Buffer.from(text.replaceAll('\n', '\r\n'));
    const request = lines(`HEAD ${path} HTTP/1.1\nhost: api.anthropic.com\nuser-agent: Bun/1.3.1\n\n`);
    const response = lines('HTTP/1.1 200 OK\ncontent-type: application/json\ncontent-length: 18\n\n');
    this.writes.push({ side: 'client', time: before - 30_000, bytes: request });
    this.writes.push({ side: 'server', time: before - 20_000, bytes: response });
    this.#sent.client += request.length;
    this.#sent.server += response.length;
  }

  packets(number: number, segmentation: Segmentation, random: Random): Packet[] {
    const { writes, client, server, ending } = this;
    const end = this.freeAt + random.int(1000, 900_000);
    const isn = { client: random.int(0, 0xffff_ffff), server: random.int(0, 0xffff_ffff) };
    const timeline = { writes, placed: [], keep: { client: [], server: [] }, ending, end };
    const quietEnd = random.weighted({ fin: 7, rst: 1, open: 2 });
    return packetsOf(
      timeline,
      { connection: number, client, server, isn, segmentation, handshake: 'plain', quietEnd },
      random,
    );
  }

  #write(side: 'client' | 'server', message: WireMessage, start: number): void {
    for (const part of message.parts) this.writes.push({ side, time: start + part.atUs, bytes: part.bytes });
    this.#sent[side] += message.length;
  }
}

const SERVERS = {
  'anthropic.messages': { ip: '10.9.0.1', port: 80 },
  'openai.chat': { ip: '10.9.0.2', port: 8080 },
  'openai.responses': { ip: '10.9.0.2', port: 8080 },
  'gemini.generate_content': { ip: '10.9.0.3', port: 80 },
} as const;

function connect(calls: readonly PlayedCall[], random: Random): Connection[] {
  const all: Connection[] = [];
  const pools = new Map<string, Connection[]>();
  let port = 32_768;
  for (const call of [...calls].sort((a, b) => a.start - b.start || a.index - b.index)) {
    const { who } = call.line.session;
    const server = SERVERS[who.client.dialect];
    const key = `${who.ip} ${server.ip}`;
    const pool = pools.get(key) ?? [];
    const free = who.client.newConnections === true ? [] : pool.filter((each) => isFree(each, call));
    let connection = free.length === 0 ? null : random.pick(free);
    if (connection === null) {
      connection = new Connection({ ip: who.ip, port: port++ }, server);
      if (who.client.probes !== undefined) connection.probe(who.client.probes, call.start);
      all.push(connection);
      pools.set(key, [...pool, connection]);
    }
    connection.add(call);
  }
  return all;
}

function isFree({ ending, freeAt }: Connection, call: PlayedCall): boolean {
  return ending === 'keep' && freeAt < call.start && call.start - freeAt < IDLE_MAX;
}

function timeOf(packets: readonly Packet[], side: 'client' | 'server', offset: number): number {
  const packet = packets.find(
    (each) =>
      each.side === side && each.offset >= 0 && each.offset <= offset && offset < each.offset + each.payload.length,
  );
  if (packet === undefined) throw new Error(`No packet carries byte ${offset} of the ${side}`);
  return packet.time;
}

function pcapOf(packets: readonly (readonly [Packet, Connection])[]): Buffer {
  const writer = new PcapWriter();
  for (const [{ side, time, seq, ack, flags, payload }, { client, server }] of packets) {
    const [from, to] = side === 'client' ? [client, server] : [server, client];
    writer.packet(time, ethernetFrame({ from, to, seq, ack, flags, payload }));
  }
  return writer.bytes();
}

/** The same calls and seed give the same bytes. */
export function capture(calls: readonly PlayedCall[], seed: number): CapturedSessions {
  const random = new Random(seed);
  const seen = new Map<number, Seen>();
  const all: (readonly [Packet, Connection])[] = [];
  const connections = connect(calls, random.fork()).map((connection, number) => {
    const segmentation = random.weighted<Segmentation>({ mss: 5, random: 2, super: 2, tiny: 0 });
    const packets = connection.packets(number, segmentation, random.fork());
    for (const { call, requestFrom, responseTo } of connection.laid) {
      seen.set(call.index, {
        clientIp: connection.client.ip,
        clientPort: connection.client.port,
        start: timeOf(packets, 'client', requestFrom),
        end: timeOf(packets, 'server', responseTo - 1),
      });
    }
    const own = packets.map((packet) => [packet, connection] as const);
    all.push(...own);
    return pcapOf(own);
  });
  all.sort(([left], [right]) => left.time - right.time);
  return { connections, whole: pcapOf(all), seen };
}
