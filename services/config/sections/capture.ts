/** What is captured, from where, and how packets become frames. */

import { hostname } from 'node:os';
import { z } from 'zod';
import { CAPTURE_DEFAULTS, FRAME_BYTES_LIMIT } from '../../../mirror/options.ts';
import { DAY_MS, flag, GB, MB, ports, text, whole } from '../fields.ts';

/** Where the name of this machine isn't a good name for the probe, set `capture.probe`. */
const PROBE_DEFAULT = hostname() || CAPTURE_DEFAULTS.probe;

export const capture = z
  .strictObject({
    interface: text(
      '',
      'Network interface to capture from with `bittern up` and `bittern capture`, several with commas between; "any" for all. Empty: no live capture.',
    ),
    filter: text('', 'Capture filter in pcap syntax, such as "tcp port 8080".'),
    tool: z
      .enum(['tcpdump', 'dumpcap'])
      .default('tcpdump')
      .describe('The capture program, run as a child: tcpdump or dumpcap.'),
    kernelBufferBytes: whole(MB, 2 * GB, 64 * MB, 'Buffer in the kernel for bursts, bytes.'),
    snapLengthBytes: whole(96, 262_144, 262_144, 'Bytes captured of each packet; what is cut off counts as missing.'),
    probe: text(PROBE_DEFAULT, 'Name of this probe, in every row.'),
    network: text(
      CAPTURE_DEFAULTS.network,
      'Label of the network that the addresses belong to; part of the identity of a connection, so that two networks may use the same addresses.',
    ),
    labels: z.record(z.string(), z.string()).default({}).describe('Free labels, stored with every call of this probe.'),
    sniff: flag(CAPTURE_DEFAULTS.sniff, 'Drop connections whose content is not HTTP (counted as not_http).'),
    sniffJoinedBytesMax: whole(
      0,
      GB,
      CAPTURE_DEFAULTS.sniffJoinedBytesMax,
      'A connection joined in the middle is dropped when so many bytes showed nothing like HTTP.',
    ),
    frameBytesMax: whole(
      1,
      FRAME_BYTES_LIMIT,
      CAPTURE_DEFAULTS.frameBytesMax,
      'Payload bytes at which a frame is passed on.',
    ),
    frameDelayMs: whole(
      0,
      60_000,
      CAPTURE_DEFAULTS.frameDelayMs,
      'Capture time after its first segment at which a frame is passed on.',
    ),
    gapGraceMs: whole(
      1,
      600_000,
      CAPTURE_DEFAULTS.gapGraceMs,
      'How long a hole that the peer has acknowledged is waited for before it counts as lost.',
    ),
    unackedGraceMs: whole(
      1,
      600_000,
      CAPTURE_DEFAULTS.unackedGraceMs,
      'The same for a hole without an acknowledgement.',
    ),
    reorderPackets: whole(
      0,
      1_000_000,
      CAPTURE_DEFAULTS.reorderPackets,
      'A hole is also waited for until so many packets have passed.',
    ),
    quietGraceMs: whole(
      1,
      3_600_000,
      CAPTURE_DEFAULTS.quietGraceMs,
      'Longest wait for a hole while hardly any packets come.',
    ),
    idleTimeoutMs: whole(
      1,
      7 * DAY_MS,
      CAPTURE_DEFAULTS.idleTimeoutMs,
      'A connection without packets for so long is closed as idle.',
    ),
    closedLingerMs: whole(
      1,
      3_600_000,
      CAPTURE_DEFAULTS.closedLingerMs,
      'How long late packets of a closed connection are told from those of a new one.',
    ),
    windowBytesMax: whole(
      65_536,
      GB,
      CAPTURE_DEFAULTS.windowBytesMax,
      'How far ahead of its stream a segment may lie.',
    ),
    connectionBufferBytesMax: whole(
      65_536,
      2 * GB,
      CAPTURE_DEFAULTS.connectionBufferBytesMax,
      'Out-of-order bytes held for one connection.',
    ),
    totalBufferBytesMax: whole(
      MB,
      64 * GB,
      CAPTURE_DEFAULTS.totalBufferBytesMax,
      'Out-of-order bytes and unfinished frames of all connections.',
    ),
    connectionsMax: whole(
      1,
      10_000_000,
      CAPTURE_DEFAULTS.connectionsMax,
      'Connections tracked at once; beyond it the least active one is closed and counted.',
    ),
    connectionsPerSecondMax: whole(
      1,
      10_000_000,
      CAPTURE_DEFAULTS.connectionsPerSecondMax,
      'New connections a second that speak, and twice as many at once; what begins beyond is dropped and counted as flood.',
    ),
    vxlanPorts: ports(CAPTURE_DEFAULTS.vxlanPorts, 'UDP ports that carry VXLAN; none: VXLAN is not looked into.'),
    genevePorts: ports(CAPTURE_DEFAULTS.genevePorts, 'UDP ports that carry Geneve; none: Geneve is not looked into.'),
    fragmentTimeoutMs: whole(
      1,
      600_000,
      CAPTURE_DEFAULTS.fragmentTimeoutMs,
      'How long the rest of a fragmented IP datagram is waited for.',
    ),
    fragmentBytesMax: whole(
      65_536,
      GB,
      CAPTURE_DEFAULTS.fragmentBytesMax,
      'Fragments held for datagrams that are not whole; beyond it the oldest datagram is given up.',
    ),
  })
  .prefault({})
  .describe('Capture: where packets come from, and how TCP is put in order.');
