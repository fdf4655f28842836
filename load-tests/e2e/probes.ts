/** One capture's packets as two probes see them, each in part. */
import { CAPTURE_DEFAULTS, Capture, type CaptureOptions } from '../../mirror/index.ts';
import type { Frame } from '../../schemas/frame.ts';
import { Random } from '../generator/random.ts';

const PROBES = ['mirror-a', 'mirror-b'] as const;
export type Probe = (typeof PROBES)[number];

interface Packet {
  /** Told by the ports. */
  readonly fromClient: boolean;
  /** SYN, FIN or RST is set. */
  readonly control: boolean;
  /** Its bytes are sent more than once. */
  readonly repeated: boolean;
}

/** Which probes miss a packet. */
export type Missing = (packet: Packet) => readonly Probe[];

const PCAP_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const ETHERNET_BYTES = 14;
const SYN_FIN_RST = 7;

function tcpOf(record: Buffer): number {
  const ip = RECORD_HEADER_BYTES + ETHERNET_BYTES;
  return ip + (record[ip]! >> 4 === 4 ? (record[ip]! & 15) * 4 : 40);
}

/** Addresses, ports and sequence number. */
function placeOf(record: Buffer): string {
  const tcp = tcpOf(record);
  const ip = RECORD_HEADER_BYTES + ETHERNET_BYTES;
  const addresses = record[ip]! >> 4 === 4 ? record.subarray(ip + 12, ip + 20) : record.subarray(ip + 8, ip + 40);
  return addresses.toString('latin1') + record.toString('latin1', tcp, tcp + 8);
}

function inspect(record: Buffer): Omit<Packet, 'repeated'> {
  const tcp = tcpOf(record);
  // Clients have the higher port in generated traffic.
  return {
    fromClient: record.readUInt16BE(tcp) > record.readUInt16BE(tcp + 2),
    control: (record[tcp + 13]! & SYN_FIN_RST) !== 0,
  };
}

/** Frames of both, in the order in which they come when both publish as they capture. */
export function framesOfProbes(pcap: Buffer, missing: Missing, options: Partial<CaptureOptions> = {}): Frame[] {
  const frames: Frame[] = [];
  const captureAs = (probe: Probe): Capture => {
    const capture = new Capture({ ...CAPTURE_DEFAULTS, ...options, probe }, (frame) => frames.push(frame));
    capture.nextSource('test');
    capture.write(pcap.subarray(0, PCAP_HEADER_BYTES));
    return capture;
  };
  const probes = { 'mirror-a': captureAs('mirror-a'), 'mirror-b': captureAs('mirror-b') };
  for (const { record, misses } of records(pcap, missing)) {
    for (const probe of PROBES) if (!misses.includes(probe)) probes[probe].write(record);
  }
  probes['mirror-a'].end('eof');
  probes['mirror-b'].end('eof');
  return frames;
}

/** The capture files that the two probes would have written. */
export function capturesOfProbes(pcap: Buffer, missing: Missing): Readonly<Record<Probe, Buffer>> {
  const header = pcap.subarray(0, PCAP_HEADER_BYTES);
  const parts: Record<Probe, Buffer[]> = { 'mirror-a': [header], 'mirror-b': [header] };
  for (const { record, misses } of records(pcap, missing)) {
    for (const probe of PROBES) if (!misses.includes(probe)) parts[probe].push(record);
  }
  return { 'mirror-a': Buffer.concat(parts['mirror-a']), 'mirror-b': Buffer.concat(parts['mirror-b']) };
}

function* records(pcap: Buffer, missing: Missing): Generator<{ record: Buffer; misses: readonly Probe[] }> {
  const sent = new Map<string, number>();
  for (const record of recordsIn(pcap)) if (hasPayload(record)) add(sent, placeOf(record));
  for (const record of recordsIn(pcap)) {
    const repeated = hasPayload(record) && sent.get(placeOf(record))! > 1;
    yield { record, misses: missing({ ...inspect(record), repeated }) };
  }
}

function* recordsIn(pcap: Buffer): Generator<Buffer> {
  for (let at = PCAP_HEADER_BYTES; at < pcap.length; ) {
    const end = at + RECORD_HEADER_BYTES + pcap.readUInt32LE(at + 8);
    yield pcap.subarray(at, end);
    at = end;
  }
}

function hasPayload(record: Buffer): boolean {
  const tcp = tcpOf(record);
  return record.length > tcp + (record[tcp + 12]! >> 4) * 4;
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

export const NOTHING: Missing = () => [];

/** mirror-a sees what clients send, mirror-b what servers send. */
export const ONE_DIRECTION_EACH: Missing = ({ fromClient }) => [fromClient ? 'mirror-b' : 'mirror-a'];

/**
 * Each misses this share of the packets, never both the same one. Neither misses how a connection begins, which gives it its id, or
 * ends: a probe that misses a FIN works out that there was one, but not always which side's was first. Nor bytes that are sent twice: who
 * misses the first time has those of the second, and its time.
 */
export function independentLosses(share: number, seed: number): Missing {
  const random = new Random(seed);
  return ({ control, repeated }) => {
    if (control || repeated || !random.chance(2 * share)) return [];
    return [random.chance(0.5) ? 'mirror-a' : 'mirror-b'];
  };
}
