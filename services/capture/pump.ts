/** Moves a capture's bytes through the probe into the bus, no faster than the stages behind it can take them. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Capture, type CaptureOptions } from '../../mirror/index.ts';
import type { Frame, ProbeReport } from '../../schemas/frame.ts';
import type { Producer } from '../bus/bus.ts';

export interface FrameTargets {
  readonly frames: Producer<Frame>;
  readonly reports: Producer<ProbeReport>;
}

/** What a probe has seen and lost since it began, as of its last report. */
export interface PumpTotals {
  packets: number;
  bytes: number;
  frames: number;
  payloadBytes: number;
  readonly losses: Map<string, { packets: number; bytes: number }>;
}

export interface PumpedStream {
  /** Resolves when there is room for more. */
  write(chunk: Buffer): Promise<void>;
  end(): void;
}

export class Pump {
  readonly #capture: Capture;
  readonly #targets: FrameTargets;
  #ready: Frame[] = [];
  #ended = false;
  /** Since the start, as of the last report. */
  readonly totals: PumpTotals = { packets: 0, bytes: 0, frames: 0, payloadBytes: 0, losses: new Map() };
  #lastBytesMs = 0;
  /** When bytes came last, and where the capture's clock stood then. */
  #writtenAt = 0;
  #clockThen = 0;

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

  /** When the capture's last bytes came, ms since the epoch; 0: none came. */
  get lastBytesMs(): number {
    return this.#lastBytesMs;
  }

  /** The next bytes of the capture. Resolves when there is room for more. */
  async write(chunk: Buffer): Promise<void> {
    this.#capture.write(chunk);
    await this.#written();
  }

  /** A stream beside others: several interfaces are one capture, in which a connection may be seen on two of them. */
  open(name: string): PumpedStream {
    const source = this.#capture.open(name);
    return {
      write: (chunk) => {
        source.write(chunk);
        return this.#written();
      },
      end: () => source.end(),
    };
  }

  /** Live captures: as much time has passed since the last bytes as the clock of this machine says. The packets' clock may be another. */
  async elapse(): Promise<void> {
    const elapsed = (performance.now() - this.#writtenAt) * 1000;
    await this.tick(Math.floor(this.#clockThen + elapsed));
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

  /** For some time nothing was captured; `sentence` says why. */
  outage(sentence: string): void {
    this.#capture.outage(sentence);
  }

  /** Packets that the kernel dropped before the probe saw them, as the capture tool told. */
  kernelDrops(packets: number): void {
    this.#capture.kernelDrops(packets);
  }

  /** Publishes what was seen and lost since the last report. */
  async report(): Promise<ProbeReport> {
    const report = this.#capture.takeReport();
    addTo(this.totals, report);
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

  #written(): Promise<void> {
    this.#writtenAt = performance.now();
    this.#lastBytesMs = Date.now();
    this.#clockThen = this.#capture.clock;
    return this.#publish();
  }

  async #publish(): Promise<void> {
    const ready = this.#ready;
    this.#ready = [];
    for (const frame of ready) await this.#targets.frames.publish(frame.connection, frame);
    // The stages run on promises alone; timers, signals and sockets get their turn here.
    await nextTurn();
  }
}

function addTo(totals: PumpTotals, report: ProbeReport): void {
  totals.packets += report.packets;
  totals.bytes += report.bytes;
  totals.frames += report.frames;
  totals.payloadBytes += report.payloadBytes;
  for (const { reason, packets, bytes } of report.losses) {
    const before = totals.losses.get(reason) ?? { packets: 0, bytes: 0 };
    totals.losses.set(reason, { packets: before.packets + packets, bytes: before.bytes + bytes });
  }
}
