/**
 * Capture from packets, composed:
 *
 *   bytes of a capture ─► reader ─► packet ─► tracker ─► reassembler ─► filter ─► framer ─► frames
 */
import type { Frame, ProbeReport } from '../schemas/frame.ts';
import type { Micros } from '../services/common/types.ts';
import { decodePacket } from './decode/link.ts';
import { CUT, DECODED, FRAGMENT, MALFORMED, Packet, UNKNOWN_LINK } from './decode/packet.ts';
import { HttpFilter } from './filter.ts';
import { Framer } from './framer.ts';
import {
  LOSS_FRAGMENT,
  LOSS_KERNEL,
  LOSS_MALFORMED,
  LOSS_OUTAGE,
  LOSS_SNAP,
  LOSS_UNSUPPORTED,
  LossCounter,
} from './losses.ts';
import { type CaptureOptions, checkOptions } from './options.ts';
import type { PacketSink } from './readers/packet-sink.ts';
import { CaptureSource } from './readers/source.ts';
import { Tracker } from './tcp/tracker.ts';

/** Sentences kept for one report; further ones are only counted. */
const NOTES_MAX = 100;
/** A packet this far ahead of the clock must be confirmed by the next one: a single damaged time may not expire everything. */
const JUMP_MICROS = 600_000_000;
/** So many packets in a row this far behind the clock mean that it was set back. */
const SET_BACK_PACKETS = 64;

/** One probe's capture. Synchronous and without I/O: bytes in, frames out through `emit`, in causal order within a connection. */
export class Capture implements PacketSink {
  readonly #options: CaptureOptions;
  readonly #packet: Packet;
  readonly #losses = new LossCounter();
  readonly #framer: Framer;
  readonly #tracker: Tracker;
  #source: CaptureSource | null = null;
  #sourceName = '';
  /** The clock of the capture: the latest packet time. 0 until the first packet. */
  #now = 0;
  #newSource = false;
  #jumped = false;
  #behind = 0;
  #packets = 0;
  #bytes = 0;
  #from = 0;
  #to = 0;
  #notes: string[] = [];
  #unknownLinks = new Set<number>();

  /** @throws BitternError BIT_CAPTURE_OPTIONS when an option is out of its range. */
  constructor(options: CaptureOptions, emit: (frame: Frame) => void) {
    checkOptions(options);
    this.#options = options;
    this.#packet = new Packet(options);
    this.#framer = new Framer(options, emit);
    const filter = new HttpFilter(options, this.#framer, this.#losses);
    this.#tracker = new Tracker(options, filter, this.#framer, this.#losses);
  }

  /** The next bytes of the current source (pcap or pcapng, decompressed), cut anywhere. They aren't kept. */
  write(chunk: Buffer): void {
    this.#source ??= new CaptureSource(this.#sourceName, this);
    this.#source.write(chunk);
  }

  /** Another file or stream begins. Connections go on: rotated files are one capture. */
  nextSource(name: string): void {
    this.#endSource();
    this.#sourceName = name;
    this.#newSource = this.#now > 0;
  }

  /** A stream beside others, such as one of several interfaces: their packets are one capture. */
  open(name: string): CaptureSource {
    return new CaptureSource(name, this);
  }

  /** The clock of the capture, µs since the epoch; 0 before the first packet. */
  get clock(): Micros {
    return this.#now;
  }

  /** Time passes without packets (live capture only). µs since the epoch. */
  tick(now: Micros): void {
    // Before the first packet there is no clock, and nothing to expire.
    if (this.#now > 0 && now > this.#now) this.#advance(now);
  }

  /** Everything still open is delivered and closed: `eof` when the capture ended, `stopped` when it was stopped. */
  end(_reason: 'eof' | 'stopped'): void {
    this.#endSource();
    this.#packet.fragments.end();
    this.#tracker.end('stopped');
  }

  /** What was seen and lost since the last call. `losses` includes those that frames tell of (`Frame.losses`). */
  takeReport(): ProbeReport {
    const framer = this.#framer;
    const { delivery } = this.#tracker.reassembler;
    const fragments = this.#packet.fragments.takeLost();
    this.#losses.add(LOSS_FRAGMENT, fragments.packets, fragments.bytes);
    const report: ProbeReport = {
      probe: this.#options.probe,
      source: this.#sourceName,
      from: this.#from,
      to: this.#to,
      packets: this.#packets,
      bytes: this.#bytes,
      connections: this.#tracker.connections,
      frames: framer.frames,
      payloadBytes: framer.payloadBytes,
      retransmittedBytes: delivery.retransmittedBytes,
      losses: this.#losses.take(),
      notes: this.#notes,
    };
    this.#notes = [];
    this.#from = this.#to = this.#packets = this.#bytes = 0;
    this.#tracker.connections = framer.frames = framer.payloadBytes = delivery.retransmittedBytes = 0;
    return report;
  }

  packet(bytes: Buffer, start: number, captured: number, wire: number, time: number, linkType: number): void {
    this.#packets++;
    this.#bytes += wire;
    if (time > this.#to) this.#to = time;
    if (time < this.#from || this.#from === 0) this.#from = time;
    if (time > this.#now || this.#newSource || this.#now - time > JUMP_MICROS) this.#setClock(time);
    else this.#behind = 0;
    const packet = this.#packet;
    packet.time = time;
    const result = decodePacket(packet, bytes, start, captured, wire, linkType);
    if (result === DECODED) this.#tracker.packet(packet);
    else this.#undecoded(result, wire, linkType);
  }

  note(sentence: string): void {
    if (this.#notes.length < NOTES_MAX) this.#notes.push(sentence);
  }

  damaged(packets: number, bytes: number): void {
    this.#losses.add(LOSS_MALFORMED, packets, bytes);
  }

  /** For some time nothing was captured. */
  outage(sentence: string): void {
    this.note(sentence);
    this.#losses.add(LOSS_OUTAGE, 1, 0);
  }

  kernelDrops(packets: number): void {
    this.#losses.add(LOSS_KERNEL, packets, 0);
  }

  #undecoded(result: number, wire: number, linkType: number): void {
    if (result === FRAGMENT) return;
    if (result === UNKNOWN_LINK && !this.#unknownLinks.has(linkType)) {
      this.#unknownLinks.add(linkType);
      this.note(
        `Packets of link type ${linkType} can't be decoded; capture on an Ethernet, Linux cooked, raw IP or loopback device.`,
      );
    }
    const reason = result === CUT ? LOSS_SNAP : result === MALFORMED ? LOSS_MALFORMED : LOSS_UNSUPPORTED;
    this.#losses.add(reason, 1, wire);
  }

  #setClock(time: number): void {
    const ahead = time - this.#now;
    if (this.#now === 0 || (ahead > 0 && ahead <= JUMP_MICROS)) {
      this.#jumped = false;
      this.#behind = 0;
      this.#newSource = false;
      this.#advance(time);
    } else if (ahead > 0) {
      // Far ahead: the second such packet is believed.
      if (this.#jumped) this.#advance(time);
      this.#jumped = !this.#jumped;
    } else if (ahead < -JUMP_MICROS && (this.#newSource || ++this.#behind >= SET_BACK_PACKETS)) {
      this.#restart(time);
    } else if (ahead >= -JUMP_MICROS) this.#newSource = false;
  }

  /** An older capture begins, or the clock was set back: nothing that is open could ever become due. */
  #restart(time: number): void {
    this.#packet.fragments.end();
    this.#tracker.end('stopped');
    this.#behind = 0;
    this.#newSource = false;
    this.#advance(time);
  }

  #advance(now: number): void {
    this.#now = now;
    if (this.#packet.fragments.size > 0) this.#packet.fragments.expire(now);
    this.#tracker.advance(now);
  }

  #endSource(): void {
    this.#source?.end();
    this.#source = null;
  }
}
