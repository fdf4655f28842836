/**
 * What a successor is told of a WebSocket connection, as bytes:
 *
 *     deflate( length of the JSON, 4 bytes | JSON | client's window | server's window )
 *
 * The windows are the inflate contexts, empty where there are none. They are left out, as lost, when all of it is longer than
 * allowed; and when that isn't enough there are no bytes, and the connection can't be taken up.
 */
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { BitternError } from '../common/errors.ts';
import type { TunnelState } from '../http/exchange.ts';
import type { Deflate } from './extension.ts';
import type { DirectionState } from './message-reader.ts';
import type { SocketSetup } from './tunnel.ts';

const LENGTH_BYTES = 4;
/** No state that was written inflates to more. */
const INFLATED_BYTES_MAX = 16 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);
const FAST = { level: constants.Z_BEST_SPEED };

interface StoredSide {
  readonly synced: boolean;
  readonly lossy: boolean;
  /** Bytes of the window; -1: lost. */
  readonly window: number;
}

interface Stored {
  readonly deflate: Deflate | null | 'unknown';
  readonly origin: object;
  readonly memory: object | null;
  readonly client: StoredSide;
  readonly server: StoredSide;
}

export class SocketState implements TunnelState {
  readonly #setup: SocketSetup;
  readonly #client: DirectionState;
  readonly #server: DirectionState;
  readonly #memory: object | null;
  /** With and without the windows. */
  #whole: Buffer | null = null;
  #small: Buffer | null = null;

  constructor(setup: SocketSetup, client: DirectionState, server: DirectionState, memory: object | null) {
    this.#setup = setup;
    this.#client = client;
    this.#server = server;
    this.#memory = memory;
  }

  encode(bytesMax: number): Buffer {
    this.#whole ??= this.#pack(this.#client, this.#server);
    if (this.#whole.length <= bytesMax) return this.#whole;
    this.#small ??= this.#pack(withoutWindow(this.#client), withoutWindow(this.#server));
    return this.#small.length <= bytesMax ? this.#small : NOTHING;
  }

  #pack(client: DirectionState, server: DirectionState): Buffer {
    const { deflate, origin } = this.#setup;
    const stored: Stored = {
      ...{ deflate, origin, memory: this.#memory },
      client: storedSide(client),
      server: storedSide(server),
    };
    const json = Buffer.from(JSON.stringify(stored));
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(json.length);
    return deflateRawSync(Buffer.concat([length, json, client.window ?? NOTHING, server.window ?? NOTHING]), FAST);
  }
}

function withoutWindow(side: DirectionState): DirectionState {
  return side.window === null || side.window.length === 0 ? side : { ...side, window: null };
}

function storedSide({ synced, lossy, window }: DirectionState): StoredSide {
  return { synced, lossy, window: window === null ? -1 : window.length };
}

export interface DecodedState extends Omit<Stored, 'client' | 'server'> {
  readonly client: DirectionState;
  readonly server: DirectionState;
}

/** @throws BitternError BIT_CHECKPOINT_UNREADABLE: it is of another release, or damaged */
export function decodeState(bytes: Buffer, clientOffset: number, serverOffset: number): DecodedState {
  try {
    const all = inflateRawSync(bytes, { maxOutputLength: INFLATED_BYTES_MAX });
    const jsonEnd = LENGTH_BYTES + all.readUInt32BE(0);
    const stored = JSON.parse(all.toString('utf8', LENGTH_BYTES, jsonEnd)) as Stored;
    const serverAt = jsonEnd + Math.max(0, stored.client.window);
    const side = ({ synced, lossy, window }: StoredSide, offset: number, at: number): DirectionState => {
      return { offset, synced, lossy, window: window < 0 ? null : Buffer.from(all.subarray(at, at + window)) };
    };
    return {
      ...stored,
      client: side(stored.client, clientOffset, jsonEnd),
      server: side(stored.server, serverOffset, serverAt),
    };
  } catch (cause) {
    throw new BitternError(
      'BIT_CHECKPOINT_UNREADABLE',
      "What the checkpoint says of a WebSocket connection can't be read: was it written by a newer release?",
      { cause },
    );
  }
}
