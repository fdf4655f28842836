/** For tests: frames written by the `ws` package, and one direction read by a MessageReader. */
import { createRequire } from 'node:module';
import type { Side } from '../../schemas/frame.ts';
import type { SocketMessage } from './message.ts';
import { type DirectionState, MessageReader } from './message-reader.ts';
import { SOCKET_DEFAULTS, type SocketLimits } from './options.ts';

export interface Sent {
  readonly text: string;
  /** Sizes of the fragments; the last one takes the rest. */
  readonly fragments: readonly number[];
  readonly compress: boolean;
  /** Control frames before each fragment. */
  readonly pings: number;
}

interface SendOptions {
  readonly binary: boolean;
  readonly compress: boolean;
  readonly fin: boolean;
  readonly mask: boolean;
}

interface Sender {
  send(data: Buffer, options: SendOptions, done: () => void): void;
  ping(data: Buffer, mask: boolean, done: () => void): void;
}

interface Deflate {
  accept(offers: readonly object[]): void;
}

/** Parts of `ws` that its types leave out. */
const ws = createRequire(import.meta.url)('ws') as {
  readonly Sender: new (socket: object, extensions: object, generateMask?: (mask: Buffer) => void) => Sender;
  readonly PerMessageDeflate: new (options: object) => Deflate;
};

const DEFLATE = 'permessage-deflate';

function deflateOf(side: Side, context: boolean): Deflate {
  const own = side === 'server' ? 'server_no_context_takeover' : 'client_no_context_takeover';
  const deflate = new ws.PerMessageDeflate({ isServer: side === 'server', threshold: 0 });
  deflate.accept([context ? {} : { [own]: [true] }]);
  return deflate;
}

/** What one side writes, a buffer for each message. `context`: null without compression. */
export async function written(
  messages: readonly Sent[],
  side: Side,
  context: boolean | null,
  mask: (mask: Buffer) => void,
): Promise<Buffer[]> {
  let chunks: Buffer[] = [];
  const socket = {
    cork: () => {},
    uncork: () => {},
    write: (bytes: Buffer, done?: () => void) => {
      chunks.push(Buffer.from(bytes));
      done?.();
    },
  };
  const extensions = context === null ? {} : { [DEFLATE]: deflateOf(side, context) };
  const sender = new ws.Sender(socket, extensions, mask);
  const isClient = side === 'client';
  const all: Buffer[] = [];
  for (const { text, fragments, compress, pings } of messages) {
    const bytes = Buffer.from(text);
    const cuts = [0, ...fragments.map((size) => Math.min(bytes.length, size)).sort((a, b) => a - b), bytes.length];
    for (let n = 1; n < cuts.length; n++) {
      for (let ping = 0; ping < pings; ping++) {
        await new Promise<void>((resolve) => sender.ping(Buffer.from('beat'), isClient, resolve));
      }
      const options = {
        binary: false,
        compress: compress && context !== null,
        fin: n === cuts.length - 1,
        mask: isClient,
      };
      await new Promise<void>((resolve) => sender.send(bytes.subarray(cuts[n - 1]!, cuts[n]!), options, resolve));
    }
    all.push(Buffer.concat(chunks));
    chunks = [];
  }
  return all;
}

export interface Read extends Omit<SocketMessage, 'data'> {
  readonly text: string;
}

/** Bytes of one segment, or a hole of so many. */
export type Piece = Buffer | number;

export const BEGINNING: DirectionState = { offset: 0, synced: true, lossy: false, window: Buffer.alloc(0) };

export interface Reading {
  readonly messages: readonly Read[];
  readonly lost: number;
  readonly reader: MessageReader;
  /** Where a successor could take it up, after each piece. */
  readonly standings: readonly DirectionState[];
}

/** The first piece has the time 0, each next one is a µs later. */
export function readAll(
  pieces: readonly Piece[],
  side: Side,
  context: boolean | null,
  limits: Partial<SocketLimits> = {},
  from: DirectionState = BEGINNING,
): Reading {
  const messages: Read[] = [];
  let lost = 0;
  const owner = {
    message: ({ data, ...rest }: SocketMessage) => messages.push({ ...rest, text: data.toString('utf8') }),
    lost: () => lost++,
  };
  const reader = new MessageReader(side, context, { ...SOCKET_DEFAULTS, ...limits }, owner, from);
  const standings: DirectionState[] = [];
  let { offset } = from;
  pieces.forEach((piece, time) => {
    if (typeof piece === 'number') reader.gap(piece);
    else reader.data(piece, offset, time);
    offset += typeof piece === 'number' ? piece : piece.length;
    standings.push(reader.standing);
  });
  return { messages, lost, reader, standings };
}
