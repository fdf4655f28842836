/** One capture's packets as two probes see them, each in part. */
import { CAPTURE_DEFAULTS, Capture, type CaptureOptions } from '../../mirror/index.ts';
import type { Frame } from '../../schemas/frame.ts';
import { Random } from '../generator/random.ts';

const PROBES = ['mirror-a', 'mirror-b'] as const;
export type Probe = (typeof PROBES)[number];

/** Which probes miss a packet. `fromClient` is told by the ports, `control`: SYN, FIN or RST is set. */
export type Missing = (packet: { readonly fromClient: boolean; readonly control: boolean }) => readonly Probe[];

const PCAP_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const ETHERNET_BYTES = 14;
const SYN_FIN_RST = 7;

function inspect(record: Buffer): { readonly fromClient: boolean; readonly control: boolean } {
  const ip = RECORD_HEADER_BYTES + ETHERNET_BYTES;
  const tcp = ip + (record[ip]! >> 4 === 4 ? (record[ip]! & 15) * 4 : 40);
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
  for (let at = PCAP_HEADER_BYTES; at < pcap.length; ) {
    const end = at + RECORD_HEADER_BYTES + pcap.readUInt32LE(at + 8);
    const record = pcap.subarray(at, end);
    yield { record, misses: missing(inspect(record)) };
    at = end;
  }
}

export const NOTHING: Missing = () => [];

/** mirror-a sees what clients send, mirror-b what servers send. */
export const ONE_DIRECTION_EACH: Missing = ({ fromClient }) => [fromClient ? 'mirror-b' : 'mirror-a'];

/**
 * Each misses this share of the packets, never both the same one. Neither misses how a connection begins, which gives it its id, or
 * ends: a probe that misses a FIN works out that there was one, but not always which side's was first.
 */
export function independentLosses(share: number, seed: number): Missing {
  const random = new Random(seed);
  return ({ control }) => {
    if (control || !random.chance(2 * share)) return [];
    return [random.chance(0.5) ? 'mirror-a' : 'mirror-b'];
  };
}
