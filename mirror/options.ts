/** Options and limits of packet capture: each default in this one place. */
import { BitternError } from '../services/common/errors.ts';
import { DECODE_DEFAULTS, type DecodeOptions, TUNNEL_PORTS_MAX } from './decode/decode-options.ts';

export interface CaptureOptions extends DecodeOptions {
  /** Name of this probe, in every frame and report. */
  readonly probe: string;
  /** Label of the network that the addresses belong to; part of every connection's id. */
  readonly network: string;
  /** Free labels, copied to every frame. */
  readonly labels: Readonly<Record<string, string>>;
  /** Drop connections whose content isn't HTTP. */
  readonly sniff: boolean;
  /** A connection that was joined in the middle is dropped when this many bytes, both sides together, showed nothing like HTTP. */
  readonly sniffJoinedBytesMax: number;
  /** Payload bytes at which a frame is passed on. At most FRAME_BYTES_LIMIT. */
  readonly frameBytesMax: number;
  /** Capture time after its first segment at which a frame is passed on. */
  readonly frameDelayMs: number;
  /** How long a hole that the peer has acknowledged is waited for (up to twice as long). */
  readonly gapGraceMs: number;
  /** How long a hole is waited for when no acknowledgement is seen; ten times that while the peer's acknowledgements say that it waits, too. */
  readonly unackedGraceMs: number;
  /** A hole is also waited for until this many packets of the whole capture have passed: what reordering may displace. */
  readonly reorderPackets: number;
  /** … but when hardly any packets come, no longer than this. */
  readonly quietGraceMs: number;
  /** A connection without packets for this long is closed as idle. */
  readonly idleTimeoutMs: number;
  /** How long the late packets of a closed connection are told from a new one's. */
  readonly closedLingerMs: number;
  /** How far ahead of its stream a segment may lie without an acknowledgement that says so. */
  readonly windowBytesMax: number;
  /** Out-of-order bytes held for one connection. */
  readonly connectionBufferBytesMax: number;
  /** Out-of-order bytes and unfinished frames of all connections. */
  readonly totalBufferBytesMax: number;
  /** Connections tracked at once, open ones and those that linger after their end. */
  readonly connectionsMax: number;
  /** New connections a second, and twice as many at once; what begins beyond is dropped and counted. Handshakes alone cost nothing of it. */
  readonly connectionsPerSecondMax: number;
}

export const CAPTURE_DEFAULTS: CaptureOptions = {
  ...DECODE_DEFAULTS,
  probe: 'bittern',
  network: '',
  labels: {},
  sniff: true,
  sniffJoinedBytesMax: 1024 * 1024,
  frameBytesMax: 256 * 1024,
  frameDelayMs: 200,
  gapGraceMs: 500,
  unackedGraceMs: 3_000,
  reorderPackets: 32,
  quietGraceMs: 30_000,
  idleTimeoutMs: 600_000,
  closedLingerMs: 10_000,
  windowBytesMax: 16 * 1024 * 1024,
  connectionBufferBytesMax: 4 * 1024 * 1024,
  totalBufferBytesMax: 256 * 1024 * 1024,
  connectionsMax: 200_000,
  connectionsPerSecondMax: 25_000,
};

/** A frame may pass its limit by one segment (64 KB; 512 KB with BIG TCP is split) and must stay below 1 MB encoded. */
export const FRAME_BYTES_LIMIT = 768 * 1024;
/** Segments in a frame: each weighs up to ~20 bytes encoded. */
export const FRAME_SEGMENTS_MAX = 4096;

/** @throws BitternError BIT_CAPTURE_OPTIONS when a limit is out of its range. */
export function checkOptions(options: CaptureOptions): void {
  between(options, 'frameBytesMax', 1, FRAME_BYTES_LIMIT);
  between(options, 'frameDelayMs', 0, 60_000);
  between(options, 'gapGraceMs', 1, 600_000);
  between(options, 'unackedGraceMs', 1, 600_000);
  between(options, 'quietGraceMs', 1, 3_600_000);
  between(options, 'reorderPackets', 0, 1_000_000);
  between(options, 'idleTimeoutMs', 1, 7 * 86_400_000);
  between(options, 'closedLingerMs', 1, 3_600_000);
  between(options, 'windowBytesMax', 65_536, 2 ** 30);
  between(options, 'sniffJoinedBytesMax', 0, 2 ** 40);
  between(options, 'connectionBufferBytesMax', 65_536, 2 ** 31);
  between(options, 'totalBufferBytesMax', 1024 * 1024, 2 ** 40);
  between(options, 'connectionsMax', 1, 10_000_000);
  between(options, 'connectionsPerSecondMax', 1, 10_000_000);
  between(options, 'fragmentTimeoutMs', 1, 600_000);
  between(options, 'fragmentBytesMax', 65_536, 2 ** 30);
  ports(options, 'vxlanPorts');
  ports(options, 'genevePorts');
}

function ports(options: CaptureOptions, name: 'vxlanPorts' | 'genevePorts'): void {
  const list = options[name];
  const areGood = list.every((port) => Number.isSafeInteger(port) && port > 0 && port <= 65_535);
  if (areGood && list.length <= TUNNEL_PORTS_MAX) return;
  throw new BitternError(
    'BIT_CAPTURE_OPTIONS',
    `The capture option ${name} is [${list.join(', ')}]; set it to at most ${TUNNEL_PORTS_MAX} ports from 1 to 65535.`,
  );
}

type NumberOption = {
  [Key in keyof CaptureOptions]: CaptureOptions[Key] extends number ? Key : never;
}[keyof CaptureOptions];

function between(options: CaptureOptions, name: NumberOption, least: number, most: number): void {
  const value = options[name];
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new BitternError(
    'BIT_CAPTURE_OPTIONS',
    `The capture option ${name} is ${value}; set it to a whole number from ${least} to ${most}.`,
  );
}
