/**
 * Reference traffic without end, made faster than a probe reads it: a piece of it again and again, each time at a later time, of other
 * clients (so that the connections are new) and with another word in all texts (so that the contents are).
 */
import { referenceTraffic } from '../generator/reference.ts';

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
/** The addresses stand there in Ethernet and IPv4; clients are 10.1.0.0/16, and the second number is changed. */
const IP_SOURCE_AT = 14 + 12;
const IP_TARGET_AT = 14 + 16;
const CLIENTS = 0x0a01;
/** A word of the generator's texts; what stands for it is as long. */
const WORD = Buffer.from('morning');
const FIRST_CLIENTS = 11;
/** Rounds after which clients' addresses come again: long enough that nobody remembers them. */
const ROUNDS_MAX = 200;
/** Between two rounds, µs. */
const PAUSE_MICROS = 1_000_000;

export interface Batch {
  readonly bytes: Buffer;
  readonly calls: number;
}

interface Template extends Batch {
  /** Where records begin, client addresses stand and words begin. */
  readonly records: readonly number[];
  readonly clients: readonly number[];
  readonly words: readonly number[];
}

/** The first batch begins with the file's header. `pieceCalls`: calls after which it comes again, some MB for each hundred. */
export function* endlessTraffic(seed: number, pieceCalls = 2048): Generator<Batch> {
  const templates: Template[] = [];
  for (const { bytes, calls } of referenceTraffic({ seed, calls: pieceCalls })) {
    const start = templates.length === 0 ? FILE_HEADER_BYTES : 0;
    if (start > 0) yield { bytes: bytes.subarray(0, start), calls: 0 };
    templates.push(templateOf(bytes.subarray(start), calls));
  }
  const first = timeOf(templates[0]!.bytes, 0);
  const last = timeOf(templates.at(-1)!.bytes, templates.at(-1)!.records.at(-1)!);
  for (let round = 0; ; round++) {
    const later = round * (last - first + PAUSE_MICROS);
    for (const template of templates) yield { bytes: changed(template, round, later), calls: template.calls };
  }
}

function templateOf(bytes: Buffer, calls: number): Template {
  const [records, clients, words]: number[][] = [[], [], []];
  for (let at = 0; at < bytes.length; at += RECORD_HEADER_BYTES + bytes.readUInt32LE(at + 8)) {
    const packet = at + RECORD_HEADER_BYTES;
    records!.push(at);
    const isClients = bytes.readUInt16BE(packet + IP_SOURCE_AT) === CLIENTS;
    clients!.push(packet + (isClients ? IP_SOURCE_AT : IP_TARGET_AT));
  }
  for (let at = bytes.indexOf(WORD); at >= 0; at = bytes.indexOf(WORD, at + WORD.length)) words!.push(at);
  return { bytes, calls, records: records!, clients: clients!, words: words! };
}

function changed({ bytes, records, clients, words }: Template, round: number, later: number): Buffer {
  const copy = Buffer.from(bytes);
  for (const at of records) {
    const time = timeOf(bytes, at) + later;
    copy.writeUInt32LE(Math.floor(time / 1_000_000), at);
    copy.writeUInt32LE(time % 1_000_000, at + 4);
  }
  for (const at of clients) copy[at + 1] = FIRST_CLIENTS + (round % ROUNDS_MAX);
  const word = Buffer.from(`w${round.toString(36).padStart(WORD.length - 1, '0')}`);
  for (const at of words) word.copy(copy, at);
  return copy;
}

function timeOf(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) * 1_000_000 + bytes.readUInt32LE(at + 4);
}
