/** A capture file as live traffic: its packets at their time or faster, stamped with the time at which they are handed on. */
import { setTimeout as sleep } from 'node:timers/promises';

const FILE_HEADER_BYTES = 24;
/** Seconds, fraction, captured and wire length: 4 bytes each (pcap, little endian, µs). */
const RECORD_HEADER_BYTES = 16;
/** Packets are handed on in steps of this. */
const STEP_MS = 20;

/**
 * Pieces of the capture, each when its time has come by the wall clock. `speed`: how many times as fast as it was captured. The buffer's
 * times are changed in place.
 */
export async function* pacedChunks(capture: Buffer, speed: number): AsyncGenerator<Buffer> {
  yield capture.subarray(0, FILE_HEADER_BYTES);
  let at = FILE_HEADER_BYTES;
  const firstUs = timeOf(capture, at);
  const beginUs = Date.now() * 1000;
  while (at < capture.length) {
    const from = at;
    const untilUs = Date.now() * 1000;
    while (at < capture.length) {
      const dueUs = beginUs + (timeOf(capture, at) - firstUs) / speed;
      if (dueUs > untilUs) break;
      stamp(capture, at, Math.floor(dueUs));
      at += RECORD_HEADER_BYTES + capture.readUInt32LE(at + 8);
    }
    if (at > from) yield capture.subarray(from, at);
    if (at < capture.length) await sleep(STEP_MS);
  }
}

/** How long the capture lasts, seconds. */
export function durationOf(capture: Buffer): number {
  let last = FILE_HEADER_BYTES;
  for (let at = FILE_HEADER_BYTES; at < capture.length; at += RECORD_HEADER_BYTES + capture.readUInt32LE(at + 8))
    last = at;
  return (timeOf(capture, last) - timeOf(capture, FILE_HEADER_BYTES)) / 1e6;
}

function timeOf(capture: Buffer, at: number): number {
  return capture.readUInt32LE(at) * 1_000_000 + capture.readUInt32LE(at + 4);
}

function stamp(capture: Buffer, at: number, timeUs: number): void {
  capture.writeUInt32LE(Math.floor(timeUs / 1_000_000), at);
  capture.writeUInt32LE(timeUs % 1_000_000, at + 4);
}
