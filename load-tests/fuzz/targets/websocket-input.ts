/**
 * What the targets of WebSocket have in common. An input is a byte that chooses the setting, then pieces: kind (1), length (2), so many
 * bytes. Seeds are conversations of whole frames; mutations know the pieces and the frames' heads.
 */
import { deflateRawSync } from 'node:zlib';
import type { Side } from '../../../schemas/frame.ts';
import type { Random } from '../../generator/random.ts';
import { INPUT_BYTES_MAX } from '../fuzz.ts';

const PIECE_HEAD_BYTES = 3;
const PIECES_MAX = 24;
const PIECE_BYTES_MAX = 0xffff;
/** Inflates to 300 KB, more than a target may hold. */
const BOMB = packed(Buffer.alloc(300_000, 'a'));

export const KIND_SERVER = 1;
/** Beyond the side: what the piece is. */
export const DATA = 0;
export const GAP = 2;
export const LOSE = 4;
export const SHED = 6;
export const RESUME = 8;
const KINDS = [DATA, DATA, DATA, DATA, GAP, LOSE, SHED, RESUME] as const;

export interface Piece {
  readonly kind: number;
  readonly bytes: Buffer;
}

export function sideOf({ kind }: Piece): Side {
  return (kind & KIND_SERVER) === 0 ? 'client' : 'server';
}

/** Of a gap or a loss. */
export function sizeOf({ bytes }: Piece): number {
  return bytes.length === 0 ? 0 : bytes.length * bytes[0]!;
}

export function piecesOf(input: Buffer): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 1; at + PIECE_HEAD_BYTES <= input.length && pieces.length < PIECES_MAX; ) {
    const end = Math.min(input.length, at + PIECE_HEAD_BYTES + input.readUInt16BE(at + 1));
    pieces.push({ kind: input[at]! & 15, bytes: input.subarray(at + PIECE_HEAD_BYTES, end) });
    at = end;
  }
  return pieces;
}

function written(setting: number, pieces: readonly Piece[]): Buffer {
  const parts = pieces.slice(0, PIECES_MAX).map(({ kind, bytes }) => {
    const head = Buffer.from([kind, 0, 0]);
    head.writeUInt16BE(Math.min(bytes.length, PIECE_BYTES_MAX), 1);
    return Buffer.concat([head, bytes.subarray(0, PIECE_BYTES_MAX)]);
  });
  return Buffer.concat([Buffer.of(setting), ...parts]);
}

function packed(text: string | Buffer): Buffer {
  return deflateRawSync(text, { finishFlush: 2 }).subarray(0, -4);
}

/** One frame; `first`: its first byte. */
function frame(side: Side, first: number, text: string | Buffer): Buffer {
  const payload = Buffer.from(text);
  const long = payload.length > 125;
  const head = Buffer.alloc(long ? 4 : 2);
  head[0] = first;
  head[1] = (side === 'client' ? 0x80 : 0) | (long ? 126 : payload.length);
  if (long) head.writeUInt16BE(payload.length, 2);
  if (side === 'server') return Buffer.concat([head, payload]);
  const mask = Buffer.from([0x12, 0x9a, 0x34, 0xf6]);
  return Buffer.concat([head, mask, payload.map((byte, n) => byte ^ mask[n & 3]!)]);
}

const REQUEST = JSON.stringify({ type: 'response.create', model: 'm', input: [{ role: 'user', content: 'Hi' }] });
const REALTIME = JSON.stringify({ type: 'response.create', response: { instructions: 'Go' } });
const RESPONSE = { id: 'r1', object: 'response', model: 'm', output: [] };
const EVENTS = [
  { type: 'response.created', sequence_number: 1, response: RESPONSE },
  { type: 'response.output_text.delta', sequence_number: 2, output_index: 0, content_index: 0, delta: 'Hello' },
  { type: 'response.completed', sequence_number: 3, response: { ...RESPONSE, status: 'completed' } },
  { type: 'response.created', event_id: 'e1', response: RESPONSE },
  { type: 'response.done', event_id: 'e2', response: { ...RESPONSE, status: 'completed' } },
  { type: 'error', error: { type: 'rate', message: 'Slow' } },
].map((event) => JSON.stringify(event));

function conversation(compress: boolean): Piece[] {
  const data = (side: Side, first: number, text: string | Buffer): Piece => {
    return { kind: side === 'server' ? KIND_SERVER : 0, bytes: frame(side, first, text) };
  };
  const text = (side: Side, value: string): Piece =>
    data(side, compress ? 0xc1 : 0x81, compress ? packed(value) : value);
  const cut = Buffer.from(EVENTS[1]!);
  return [
    text('client', REQUEST),
    text('server', EVENTS[0]!),
    data('server', 0x89, 'beat'),
    data('client', 0x8a, 'beat'),
    data('server', 0x01, cut.subarray(0, 20)),
    data('server', 0x80, cut.subarray(20)),
    text('server', EVENTS[2]!),
    text('client', REALTIME),
    ...EVENTS.slice(3).map((event) => text('server', event)),
    data('client', 0x82, Buffer.alloc(200, 7)),
    data('server', 0x88, Buffer.from([0x03, 0xe8])),
    data('client', 0x88, Buffer.from([0x03, 0xe8])),
  ];
}

/** Short ones: what is found in them is found sooner. */
function halves(setting: number): Buffer[] {
  const pieces = conversation(setting % 2 === 0);
  const bomb = { kind: KIND_SERVER, bytes: frame('server', 0xc1, BOMB) };
  return [written(setting, pieces.slice(0, 5)), written(setting, pieces.slice(7, 12)), written(setting, [bomb])];
}

/** Several for each setting below `settings`, with and without compression. */
export function seedsOf(settings: number): Buffer[] {
  return Array.from({ length: settings }, (_, setting) => setting).flatMap((setting) => {
    return [written(setting, conversation(false)), written(setting, conversation(true)), ...halves(setting)];
  });
}

export const TOKENS: readonly Buffer[] = [
  Buffer.from([0x81, 0x7e, 0x00, 0x7e]),
  Buffer.from([0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]),
  Buffer.from([0x01, 0xff, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
  Buffer.from([0x80, 0x00]),
  Buffer.from([0x00, 0x00]),
  Buffer.from([0xc1, 0x00]),
  Buffer.from('"stream_id":"b",'),
  Buffer.from('"generate":false,'),
  Buffer.from('{"type":"response.steer"}'),
  Buffer.from([0x02, 0x00, 0x00, 0x00, 0xff, 0xff]),
];

/** First bytes of frames: opcodes, FIN, the reserved bits. */
const FIRST = [0x81, 0x01, 0xc1, 0x41, 0x80, 0x00, 0x82, 0x02, 0x88, 0x89, 0x8a, 0x91, 0xa1, 0x83, 0x08] as const;
const LENGTHS = [0, 1, 125, 126, 127, 128, 253, 254, 255] as const;

function changed({ kind, bytes }: Piece, random: Random): Piece {
  const copy = Buffer.from(bytes);
  switch (random.int(0, 5)) {
    case 0:
      if (copy.length > 0) copy[0] = random.pick(FIRST);
      return { kind, bytes: copy };
    case 1:
      if (copy.length > 1) copy[1] = random.pick(LENGTHS);
      return { kind, bytes: copy };
    case 2:
      if (copy.length > 0) copy[random.int(0, copy.length - 1)] = random.int(0, 255);
      return { kind, bytes: copy };
    case 3:
      return { kind: (kind & KIND_SERVER) | random.pick(KINDS), bytes: copy };
    case 4:
      return { kind: kind ^ KIND_SERVER, bytes: copy };
    default:
      return { kind, bytes: copy.subarray(0, random.int(0, copy.length)) };
  }
}

/** Repeats, moves, cuts, joins and changes pieces. */
export function mutatePieces(input: Buffer, other: Buffer, random: Random): Buffer {
  const list = [...piecesOf(input), ...(random.chance(0.2) ? piecesOf(other) : [])];
  for (let left = random.int(1, 6); left > 0 && list.length > 0; left--) {
    const at = random.int(0, list.length - 1);
    const [taken] = random.chance(0.3) ? [list[at]!] : list.splice(at, 1);
    if (taken === undefined) break;
    if (random.chance(0.2)) {
      const cut = random.int(0, taken.bytes.length);
      const halves = [taken.bytes.subarray(0, cut), taken.bytes.subarray(cut)];
      list.splice(at, 0, ...halves.map((bytes) => ({ kind: taken.kind, bytes })));
    } else if (random.chance(0.9)) list.splice(random.int(0, list.length), 0, changed(taken, random));
  }
  return written(random.chance(0.2) ? random.int(0, 255) : (input[0] ?? 0), list).subarray(0, INPUT_BYTES_MAX);
}
