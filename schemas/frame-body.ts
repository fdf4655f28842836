/**
 * A frame's Avro body, coded by hand: the same bytes as avsc writes by `avro/frame.v1.avsc`. Frames are most of what goes over Kafka, and
 * here one walk checks and reads them. Fields in the schema's order; a list is one block.
 */
import type { ConnectionId } from '../services/common/types.ts';
import type { DirectBody } from './avro/contract.ts';
import { AvroReader, AvroWriter, LONG_BYTES_MAX, UNUSUAL } from './avro/cursors.ts';
import type {
  CloseReason,
  Endpoint,
  Frame,
  Loss,
  LossReason,
  Origin,
  Process,
  RolesSource,
  Segment,
  SegmentKind,
  Side,
} from './frame.ts';

/** Enums, in the schema's order. */
const ROLES: readonly RolesSource[] = ['handshake', 'content', 'guess'];
const ORIGINS: readonly Origin[] = ['packets', 'tls', 'tap'];
const SIDES: readonly Side[] = ['client', 'server'];
const KINDS: readonly SegmentKind[] = ['data', 'fin', 'rst'];
const CLOSES: readonly CloseReason[] = ['fin', 'rst', 'idle', 'evicted', 'replaced', 'stopped', 'not_http'];

const CONNECTION_BYTES = 16;
/** Numbers, enums and lengths of the fixed part. */
const FIXED_BYTES = CONNECTION_BYTES + 24 * LONG_BYTES_MAX;
const SEGMENT_BYTES = 2 + 3 * LONG_BYTES_MAX;
const LOSS_BYTES = 3 * LONG_BYTES_MAX;
/** UTF-8 takes up to three bytes for a UTF-16 unit. */
const UNIT_BYTES = 3;

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

export const FRAME_BODY: DirectBody<Frame> = {
  sizeMax: (frame) => {
    const { network, client, server, probe, process, labels, segments, losses, payload } = frame;
    let units = network.length + client.address.length + server.address.length + probe.length;
    if (process !== null) units += process.name.length;
    let bytes = FIXED_BYTES + segments.length * SEGMENT_BYTES + losses.length * LOSS_BYTES + payload.length;
    for (const { reason } of losses) units += reason.length;
    for (const name in labels) {
      units += name.length + labels[name]!.length;
      bytes += 2 * LONG_BYTES_MAX;
    }
    return bytes + units * UNIT_BYTES;
  },
  write: (frame, bytes, start) => {
    const out = new AvroWriter(bytes, start);
    if (bytes.write(frame.connection, start, CONNECTION_BYTES, 'hex') !== CONNECTION_BYTES) throw UNUSUAL;
    out.at += CONNECTION_BYTES;
    writeHead(out, frame);
    writeSegments(out, frame.segments);
    out.raw(frame.payload);
    if (frame.close === null) out.long(0);
    else {
      out.long(1);
      out.symbol(CLOSES, frame.close);
    }
    writeLosses(out, frame.losses);
    return out.at;
  },
  read: (bytes, start) => {
    const from = new AvroReader(bytes, start);
    const frame: Frame = {
      connection: from.hex(CONNECTION_BYTES) as ConnectionId,
      sequence: from.long(),
      network: from.text(),
      client: readEndpoint(from),
      server: readEndpoint(from),
      rolesSource: from.symbol(ROLES),
      fromStart: from.boolean(),
      origin: from.symbol(ORIGINS),
      probe: from.text(),
      process: readOption(from) ? readProcess(from) : null,
      labels: readLabels(from),
      clientOffset: from.long(),
      serverOffset: from.long(),
      segments: readSegments(from),
      // A frame may be held for long, and must not hold the memory of all that was fetched with it.
      payload: Buffer.from(from.raw()),
      close: readOption(from) ? from.symbol(CLOSES) : null,
      losses: readLosses(from),
    };
    return from.ended ? frame : null;
  },
};

function writeHead(out: AvroWriter, frame: Frame): void {
  const { process } = frame;
  out.long(frame.sequence);
  out.text(frame.network);
  writeEndpoint(out, frame.client);
  writeEndpoint(out, frame.server);
  out.symbol(ROLES, frame.rolesSource);
  out.boolean(frame.fromStart);
  out.symbol(ORIGINS, frame.origin);
  out.text(frame.probe);
  if (process === null) out.long(0);
  else {
    out.long(1);
    out.long(process.pid);
    out.long(process.started);
    out.text(process.name);
  }
  const labels = Object.entries(frame.labels);
  if (labels.length > 0) out.long(labels.length);
  for (const [name, value] of labels) {
    out.text(name);
    out.text(value);
  }
  out.long(0);
  out.long(frame.clientOffset);
  out.long(frame.serverOffset);
}

function writeEndpoint(out: AvroWriter, { address, port }: Endpoint): void {
  out.text(address);
  out.long(port);
}

function writeSegments(out: AvroWriter, segments: readonly Segment[]): void {
  if (segments.length > 0) out.long(segments.length);
  for (const { side, kind, time, gap, length } of segments) {
    out.symbol(SIDES, side);
    out.symbol(KINDS, kind);
    out.long(time);
    out.long(gap);
    out.long(length);
  }
  out.long(0);
}

function writeLosses(out: AvroWriter, losses: readonly Loss[]): void {
  if (losses.length > 0) out.long(losses.length);
  for (const { reason, packets, bytes } of losses) {
    out.text(reason);
    out.long(packets);
    out.long(bytes);
  }
  out.long(0);
}

/** The branch of a union with null. */
function readOption(from: AvroReader): boolean {
  const branch = from.long();
  if (branch !== 0 && branch !== 1) throw UNUSUAL;
  return branch === 1;
}

function readEndpoint(from: AvroReader): Endpoint {
  return { address: from.text(), port: from.long() };
}

function readProcess(from: AvroReader): Process {
  return { pid: from.long(), started: from.long(), name: from.text() };
}

function readLabels(from: AvroReader): Readonly<Record<string, string>> {
  let left = from.block();
  if (left === 0) return NO_LABELS;
  const labels: Record<string, string> = {};
  for (; left > 0; left = from.block()) {
    for (; left > 0; left--) {
      const name = from.text();
      labels[name] = from.text();
    }
  }
  return labels;
}

function readSegments(from: AvroReader): Segment[] {
  const segments: Segment[] = [];
  for (let left = from.block(); left > 0; left = from.block()) {
    for (; left > 0; left--) {
      segments.push({
        side: from.symbol(SIDES),
        kind: from.symbol(KINDS),
        time: from.long(),
        gap: from.long(),
        length: from.long(),
      });
    }
  }
  return segments;
}

function readLosses(from: AvroReader): Loss[] {
  const losses: Loss[] = [];
  for (let left = from.block(); left > 0; left = from.block()) {
    for (; left > 0; left--) {
      losses.push({ reason: from.text() as LossReason, packets: from.long(), bytes: from.long() });
    }
  }
  return losses;
}
