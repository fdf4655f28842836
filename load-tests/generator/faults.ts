/**
 * What a capture does to packets: both ends had them all, in order. Reordered and doubled packets get the times of their new
 * places, as if a mirror had mixed them up before they were stamped.
 */
import type { Packet } from './packets.ts';
import type { Random } from './random.ts';

export interface FaultOptions {
  /** Shares of packets, 0 to 1. */
  readonly reorder: number;
  readonly duplicate: number;
  readonly loss: number;
}

/** How far a packet may move: positions in the file, and µs. */
const REORDER_POSITIONS_MAX = 8;
const REORDER_US_MAX = 5_000;

/** A packet in the file. */
export interface Captured {
  readonly packet: Packet;
  readonly time: number;
}

export interface Faulty {
  readonly captured: readonly Captured[];
  readonly lost: readonly Packet[];
}

function reorder(packets: Packet[], share: number, random: Random): void {
  if (share === 0) return;
  for (let at = 0; at < packets.length; at++) {
    if (!random.chance(share)) continue;
    const packet = packets[at]!;
    let to = Math.min(packets.length - 1, at + random.int(1, REORDER_POSITIONS_MAX));
    while (to > at && packets[to]!.time - packet.time > REORDER_US_MAX) to--;
    packets.copyWithin(at, at + 1, to + 1);
    packets[to] = packet;
  }
}

/** `packets` in order of time. */
export function injectFaults(packets: readonly Packet[], options: FaultOptions, random: Random): Faulty {
  const lost: Packet[] = [];
  const kept: Packet[] = [];
  for (const packet of packets) {
    if (random.chance(options.loss)) lost.push(packet);
    else kept.push(packet);
    if (lost.at(-1) !== packet && random.chance(options.duplicate)) kept.push(packet);
  }
  const times = kept.map((packet) => packet.time);
  reorder(kept, options.reorder, random);
  return { captured: kept.map((packet, at) => ({ packet, time: times[at]! })), lost };
}
