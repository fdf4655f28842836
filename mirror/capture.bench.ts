/**
 * MB/s of capture alone (packets → frames), one core: `node mirror/capture.bench.ts`.
 * Synthetic HTTP on many connections at once, in memory. MB = 10^6 bytes of packets, Ethernet header included.
 */
import { encapsulate, ethernet, type Layer, layers, vxlan } from '../load-tests/wire/encapsulation.ts';
import { ethernetFrame, PcapWriter } from '../load-tests/wire/packets.ts';
import { Capture } from './capture.ts';
import { CAPTURE_DEFAULTS } from './options.ts';

const CHUNK_BYTES = 1024 * 1024;
const CAPTURE_BYTES = 64_000_000;
const ROUNDS = 7;

interface Load {
  readonly name: string;
  readonly payloadBytes: number;
  readonly connections: number;
  /** Every n-th packet is a pure acknowledgement. */
  readonly ackEvery: number;
  readonly layer?: Layer;
}

function synthesize({ payloadBytes, connections, ackEvery, layer }: Load): { bytes: Buffer; packets: number } {
  const writer = new PcapWriter();
  const server = { ip: '10.0.0.2', port: 80 };
  let time = 1_700_000_000_000_000;
  let packets = 0;
  const put = (port: number, fromClient: boolean, flags: string, seq: number, ack: number, payload?: Buffer): void => {
    const client = { ip: '10.0.0.1', port };
    const [from, to] = fromClient ? [client, server] : [server, client];
    const packet = { from, to, seq, ack, flags, ...(payload ? { payload } : {}) };
    writer.packet(time, layer === undefined ? ethernetFrame(packet) : encapsulate(packet, layer)[0]!);
    time += 5;
    packets++;
  };
  const request = Buffer.from('POST /v1/messages HTTP/1.1\r\nhost: x\r\n\r\n'.padEnd(payloadBytes, 'x'));
  const response = Buffer.alloc(payloadBytes, 'HTTP/1.1 200 OK\r\n');
  for (let port = 1; port <= connections; port++) {
    put(port, true, 'S', 0, 0);
    put(port, false, 'SA', 0, 1);
    put(port, true, 'PA', 1, 1, request);
  }
  const total = Math.floor(CAPTURE_BYTES / (payloadBytes + 70));
  const sent = new Array<number>(connections + 1).fill(1);
  for (let index = 0; index < total; index++) {
    const port = 1 + ((index >> 2) % connections);
    put(port, false, 'A', sent[port]!, 1 + request.length, response);
    sent[port]! += response.length;
    if (index % ackEvery === 0) put(port, true, 'A', 1 + request.length, sent[port]!);
  }
  return { bytes: writer.bytes(), packets };
}

function measure(load: Load): void {
  const { bytes, packets } = synthesize(load);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    let frames = 0;
    const capture = new Capture(CAPTURE_DEFAULTS, () => frames++);
    const started = process.cpuUsage();
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) capture.write(bytes.subarray(at, at + CHUNK_BYTES));
    capture.end('eof');
    const used = process.cpuUsage(started);
    best = Math.min(best, (used.user + used.system) / 1e6);
    if (capture.takeReport().losses.length > 0 || frames === 0) throw new Error('the benchmark lost bytes');
  }
  const rate = (bytes.length / 1e6 / best).toFixed(0);
  console.log(
    `${load.name}: ${rate} MB/s, ${(packets / 1e6 / best).toFixed(2)} million packets/s (CPU time, best of ${ROUNDS})`,
  );
}

measure({ name: '480-byte packets, 200 connections', payloadBytes: 426, connections: 200, ackEvery: 1000 });
measure({ name: '480-byte packets on average, an ACK every 4', payloadBytes: 530, connections: 200, ackEvery: 4 });
measure({
  name: '1448-byte segments, 200 connections, an ACK every 4',
  payloadBytes: 1448,
  connections: 200,
  ackEvery: 4,
});
measure({
  name: '1448-byte segments in VXLAN, 200 connections, an ACK every 4',
  payloadBytes: 1448,
  connections: 200,
  ackEvery: 4,
  layer: layers(ethernet(), vxlan({ vni: 9 })),
});
