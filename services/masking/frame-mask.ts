/**
 * Credentials in frames on their way: hidden by the probe before a frame leaves it, brought back by the reassembler, which needs
 * them for fingerprints and replaces them for good when it has parsed the head.
 *
 * Hidden bytes are XORed with a key stream, so lengths and offsets stay, and the frame tells where they are. The key stream is AES-256
 * in counter mode (NIST SP 800-38A section 6.5), its counter block
 *
 *     bytes 0–9: the first ones of the connection id, which is a hash   10–15: bit 47 the side (1: server), below it stream offset / 16
 *
 * so each byte of a stream has a byte of key stream of its own, and two probes that see the same bytes hide them alike.
 */
import { createCipheriv, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { Frame, Side } from '../../schemas/frame.ts';
import type { ConnectionId } from '../common/types.ts';
import { SecretFinder } from './secret-finder.ts';

const BLOCK_BYTES = 16;
/** Of the block's number in the counter. */
const NUMBER_BYTES = 6;
/** Where the numbers of the server's blocks begin. */
const SERVER_BLOCKS = 2 ** 47;

/** A stretch of a frame's payload: bytes of one side that follow each other in its stream. */
export interface MaskedRange {
  readonly start: number;
  readonly length: number;
}

export interface MaskedFrame extends Frame {
  /** In order. */
  readonly masked: readonly MaskedRange[];
}

/** The key for masking, made of the key for fingerprints: whoever makes these must be able to read what they are made of. */
export function maskingKey(fingerprintKey: Buffer): KeyObject {
  return createSecretKey(createHmac('sha256', fingerprintKey).update('bittern: credentials in frames, 1').digest());
}

interface Sides {
  readonly client: SecretFinder;
  readonly server: SecretFinder;
}

/** A probe's: follows each connection from its first frame to its last. */
export class FrameMasker {
  readonly #key: KeyObject;
  readonly #connections = new Map<ConnectionId, Sides>();

  constructor(key: KeyObject) {
    this.#key = key;
  }

  /** Connections that are followed. */
  get size(): number {
    return this.#connections.size;
  }

  /** Hides credentials in the frame's payload, in place: the frame must be its only owner. */
  mask(frame: Frame): MaskedFrame {
    const sides = this.#sidesOf(frame);
    const masked: MaskedRange[] = [];
    const hide = (start: number, end: number): void => void masked.push({ start, length: end - start });
    let [start, at] = [0, 0];
    let run: Side = 'client';
    // What follows without a gap or the other side's bytes in between is scanned at once.
    for (const { side, gap, length } of frame.segments) {
      if (side !== run || gap > 0) {
        if (at > start) sides[run].scan(frame.payload, start, at, hide);
        [start, run] = [at, side];
      }
      if (gap > 0) sides[side].gap();
      at += length;
    }
    if (at > start) sides[run].scan(frame.payload, start, at, hide);
    if (frame.close !== null) this.#connections.delete(frame.connection);
    if (masked.length > 0) applyKeyStream(this.#key, frame, frame.payload, masked);
    return { ...frame, masked };
  }

  #sidesOf(frame: Frame): Sides {
    let sides = this.#connections.get(frame.connection);
    if (sides === undefined) {
      const fromStart = frame.fromStart && frame.sequence === 0;
      sides = { client: new SecretFinder(true, fromStart), server: new SecretFinder(false, fromStart) };
      this.#connections.set(frame.connection, sides);
    }
    return sides;
  }
}

/** Makes the frame what was captured, in place: the caller must be its only owner. */
export function unmask(key: KeyObject, frame: Frame, masked: readonly MaskedRange[]): void {
  if (masked.length > 0) applyKeyStream(key, frame, frame.payload, masked);
}

function applyKeyStream(key: KeyObject, frame: Frame, payload: Buffer, masked: readonly MaskedRange[]): void {
  const counter = Buffer.alloc(BLOCK_BYTES);
  counter.write(frame.connection, 'hex');
  const offsets = { client: frame.clientOffset, server: frame.serverOffset };
  let [at, next] = [0, 0];
  for (const { side, gap, length } of frame.segments) {
    offsets[side] += gap;
    for (let range = masked[next]; range !== undefined && range.start < at + length; range = masked[++next]) {
      const bytes = payload.subarray(range.start, range.start + range.length);
      xorKeyStream(key, counter, side, offsets[side] + range.start - at, bytes);
    }
    at += length;
    offsets[side] += length;
  }
}

/** `counter`: with the connection in its first bytes. `offset`: of the first byte in its stream. */
function xorKeyStream(key: KeyObject, counter: Buffer, side: Side, offset: number, bytes: Buffer): void {
  const block = Math.floor(offset / BLOCK_BYTES);
  counter.writeUIntBE(side === 'client' ? block : block + SERVER_BLOCKS, BLOCK_BYTES - NUMBER_BYTES, NUMBER_BYTES);
  const cipher = createCipheriv('aes-256-ctr', key, counter);
  const within = offset % BLOCK_BYTES;
  if (within > 0) cipher.update(Buffer.alloc(within));
  cipher.update(bytes).copy(bytes);
}
