/** Moves a capture's bytes through the probe into the bus, no faster than the stages behind it can take them. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Capture, type CaptureOptions } from '../../mirror/index.ts';
import type { Frame, ProbeReport } from '../../schemas/frame.ts';
import type { Producer } from '../bus/bus.ts';

export interface FrameTargets {
  readonly frames: Producer<Frame>;
  readonly reports: Producer<ProbeReport>;
}

export class Pump {
  readonly #capture: Capture;
  readonly #targets: FrameTargets;
  #ready: Frame[] = [];
  #ended = false;

  constructor(options: CaptureOptions, targets: FrameTargets) {
    this.#capture = new Capture(options, (frame) => this.#ready.push(frame));
    this.#targets = targets;
  }

  /** The capture's clock, µs since the epoch; 0 before the first packet. */
  get clock(): number {
    return this.#capture.clock;
  }

  /** A new file or interface begins; connections go on across it. */
  nextSource(name: string): void {
    this.#capture.nextSource(name);
  }

  /** The next bytes of the capture. Resolves when there is room for more. */
  async write(chunk: Buffer): Promise<void> {
    this.#capture.write(chunk);
    await this.#publish();
  }

  /** Live captures: time has passed without packets (µs since the epoch). */
  async tick(now: number): Promise<void> {
    this.#capture.tick(now);
    await this.#publish();
  }

  /** The source ended in damage; `sentence` says how. */
  damaged(sentence: string): void {
    this.#capture.note(sentence);
    this.#capture.damaged(1, 0);
  }

  /** Packets that the kernel dropped before the probe saw them, as the capture tool told. */
  kernelDrops(packets: number): void {
    this.#capture.kernelDrops(packets);
  }

  /** Publishes what was seen and lost since the last report. */
  async report(): Promise<ProbeReport> {
    const report = this.#capture.takeReport();
    await this.#targets.reports.publish(report.probe, report);
    return report;
  }

  /** No more bytes come: open connections are closed. */
  async end(reason: 'eof' | 'stopped'): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#capture.end(reason);
    await this.#publish();
  }

  async #publish(): Promise<void> {
    const ready = this.#ready;
    this.#ready = [];
    for (const frame of ready) await this.#targets.frames.publish(frame.connection, frame);
    // The stages run on promises alone; timers, signals and sockets get their turn here.
    await nextTurn();
  }
}
