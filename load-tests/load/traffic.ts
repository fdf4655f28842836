/** The captures that a load run is made of: reference traffic, and a skewed form of it. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CAPTURE_DEFAULTS, Capture } from '../../mirror/index.ts';
import { partitionOf } from '../../services/kafka/partition.ts';
import { writeReference } from '../generator/reference.ts';

export interface Traffic {
  readonly file: string;
  readonly calls: number;
  /** Share of the calls' connections that lie in the fullest partition. */
  readonly fullestShare: number;
}

export async function referenceFile(folder: string, name: string, calls: number, seed = 1): Promise<Traffic> {
  const file = path.join(folder, `${name}.pcap`);
  await writeReference({ seed, calls }, file);
  return { file, calls, fullestShare: 0 };
}

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
/** The client's address stands there in Ethernet and IPv4; it tells the conversations of reference traffic apart. */
const IP_SOURCE_AT = 14 + 12;
const IP_TARGET_AT = 14 + 16;
const CLIENTS = '10.1.';
/** One of so many connections is kept where the skewed partition isn't. */
const KEPT_OF = 8;

/**
 * Leaves out most connections that don't land in partition 0, so that this one gets most of the work. Connection ids hold the
 * network's label, so the file is skewed for this one only.
 */
export async function skewedFile(from: Traffic, network: string, partitions: number): Promise<Traffic> {
  const capture = await readFile(from.file);
  const partitionOfClient = clientsOf(capture, network, partitions);
  const kept = new Set<string>();
  let [inFirst, elsewhere] = [0, 0];
  for (const [client, partition] of partitionOfClient) {
    if (partition !== 0 && elsewhere++ % KEPT_OF > 0) continue;
    kept.add(client);
    if (partition === 0) inFirst++;
  }
  const chunks = [capture.subarray(0, FILE_HEADER_BYTES)];
  for (let at = FILE_HEADER_BYTES; at < capture.length; ) {
    const end = at + RECORD_HEADER_BYTES + capture.readUInt32LE(at + 8);
    if (kept.has(clientOf(capture, at + RECORD_HEADER_BYTES))) chunks.push(capture.subarray(at, end));
    at = end;
  }
  const file = from.file.replace(/\.pcap$/, '-skewed.pcap');
  await writeFile(file, Buffer.concat(chunks));
  const calls = Math.round((from.calls * kept.size) / partitionOfClient.size);
  return { file, calls, fullestShare: inFirst / kept.size };
}

function clientsOf(capture: Buffer, network: string, partitions: number): Map<string, number> {
  const clients = new Map<string, number>();
  const probe = new Capture({ ...CAPTURE_DEFAULTS, network }, (frame) => {
    if (!clients.has(frame.client.address))
      clients.set(frame.client.address, partitionOf(Buffer.from(frame.connection), partitions));
  });
  probe.nextSource('skew');
  probe.write(capture);
  probe.end('eof');
  return clients;
}

function clientOf(capture: Buffer, packet: number): string {
  const at = (offset: number): string => [...capture.subarray(packet + offset, packet + offset + 4)].join('.');
  const source = at(IP_SOURCE_AT);
  return source.startsWith(CLIENTS) ? source : at(IP_TARGET_AT);
}
