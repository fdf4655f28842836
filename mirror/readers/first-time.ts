/** When a capture begins: the order of rotated files is told by that, whatever their names are. */
import { hash } from 'node:crypto';
import { CaptureSource } from './source.ts';

/** Reads chunks one after the other until the first packet. */
export class FirstTime {
  /** Time of the first packet, µs since the epoch; null until it came. */
  time: number | null = null;
  /** Tells a capture from another by its first packet; '' until it came. */
  key = '';
  readonly #source: CaptureSource;

  constructor() {
    this.#source = new CaptureSource('', {
      packet: (bytes, start, captured, _wire, time) => {
        if (this.time !== null) return;
        this.time = time;
        this.key = `${time} ${hash('sha256', bytes.subarray(start, start + captured))}`;
      },
      note() {},
      damaged() {},
      kernelDrops() {},
    });
  }

  write(chunk: Buffer): void {
    this.#source.write(chunk);
  }
}

export interface Dated {
  readonly path: string;
  readonly time: number;
}

/** By time; at the same time by name, numbers in it as numbers (`x.pcap2` before `x.pcap10`). */
export function inOrder(left: Dated, right: Dated): number {
  return left.time - right.time || left.path.localeCompare(right.path, 'en', { numeric: true });
}
