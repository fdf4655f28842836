/**
 * The contracts of the topics, and their codecs as Avro single objects. How a contract grows: `README.md` in this folder.
 */
import type { Codec } from '../services/bus/bus.ts';
import type { ConnectionId } from '../services/common/types.ts';
import { AvroContract, loadSchemas, type WireShape } from './avro/contract.ts';
import { singleObjectCodec } from './avro/single-object.ts';
import type { Call, Content, ExchangeRow, ObservationRecord } from './call.ts';
import type { Frame, ProbeReport } from './frame.ts';
import { FRAME_BODY } from './frame-body.ts';
import type { ToolExecution } from './tool-execution.ts';

export const CODEC_DEFAULTS = {
  /** Largest encoded record, header included. Below the 1 MB that Kafka brokers take by default, with room for keys and headers. */
  recordBytesMax: 1_000_000,
  /** The same of an observation, which brings the new contents of its call, a message of several megabytes among them. */
  observationBytesMax: 20 * 1024 * 1024,
} as const;

/** Schemas that records may still be written with: the current one, then those of earlier releases, newest first. */
export const SCHEMA_FILES = {
  frame: ['frame.v1.avsc'],
  observation: ['observation.v1.avsc'],
  probeReport: ['probe_report.v1.avsc'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** In Avro the connection id is 16 bytes; all else has the same shape as in memory. */
const FRAME_SHAPE: WireShape<Frame> = {
  toWire: (frame) => ({ ...frame, connection: Buffer.from(frame.connection, 'hex') }),
  fromWire: (wire) => {
    const frame = wire as Omit<Frame, 'connection'> & { readonly connection: Buffer };
    return { ...frame, connection: frame.connection.toString('hex') as ConnectionId };
  },
  sizeGuess: (frame) => frame.payload.length + frame.segments.length * 20 + frame.losses.length * 40 + 1024,
};

const PROBE_REPORT_SHAPE: WireShape<ProbeReport> = {
  toWire: (report) => report,
  fromWire: (wire) => ({ ...(wire as ProbeReport) }),
  sizeGuess: (report) => 512 + report.losses.length * 40 + report.notes.length * 200,
};

interface WireObservation {
  readonly call: Call | null;
  readonly contents: readonly Content[];
  readonly execution: ToolExecution | null;
  readonly exchange: ExchangeRow | null;
}

const NO_CONTENTS: readonly Content[] = [];
/** A call or an exchange without its texts of any length; one hash. */
const CALL_BYTES = 2048;
const HASH_BYTES = 16;

/** They are read as Latin-1. */
function headerBytes({ requestHeaders, responseHeaders }: Pick<Call, 'requestHeaders' | 'responseHeaders'>): number {
  return (requestHeaders.length + responseHeaders.length) * 2;
}

/** Calls, contents and exchanges have the same fields in memory: none is copied. */
const OBSERVATION_SHAPE: WireShape<ObservationRecord> = {
  toWire: (observation): WireObservation => {
    switch (observation.type) {
      case 'call':
        return { call: observation.call, contents: observation.contents, execution: null, exchange: null };
      case 'tool_execution':
        return { call: null, contents: observation.contents, execution: observation.execution, exchange: null };
      case 'exchange':
        return { call: null, contents: NO_CONTENTS, execution: null, exchange: observation.exchange };
      case 'contents':
        return { call: null, contents: observation.contents, execution: null, exchange: null };
    }
  },
  fromWire: (wire) => {
    const { call, contents, execution, exchange } = wire as WireObservation;
    if (call !== null) return { type: 'call', call, contents };
    if (execution !== null) return { type: 'tool_execution', execution, contents };
    if (exchange !== null) return { type: 'exchange', exchange };
    if (contents.length > 0) return { type: 'contents', contents };
    throw new TypeError('none of the kinds of observations: one that only a newer release knows');
  },
  sizeGuess: (observation) => {
    if (observation.type === 'exchange') return CALL_BYTES + headerBytes(observation.exchange);
    let bytes = CALL_BYTES;
    for (const { text } of observation.contents) bytes += 64 + Buffer.byteLength(text);
    if (observation.type !== 'call') return bytes;
    const { call } = observation;
    bytes += headerBytes(call);
    bytes += Buffer.byteLength(call.requestSkeleton) + call.requestParts.length * HASH_BYTES;
    bytes += (call.promptPreview.length + call.answerPreview.length + call.errorMessage.length) * 3;
    for (const text of call.toolArguments) bytes += 10 + text.length;
    for (const name of call.offeredTools) bytes += 10 + name.length;
    return bytes;
  },
};

export const FRAME_CONTRACT = new AvroContract({
  name: 'FRAME',
  schemas: loadSchemas(SCHEMA_FILES.frame),
  shape: FRAME_SHAPE,
  direct: FRAME_BODY,
  recordBytesMax: CODEC_DEFAULTS.recordBytesMax,
});

export const OBSERVATION_CONTRACT = new AvroContract({
  name: 'OBSERVATION',
  schemas: loadSchemas(SCHEMA_FILES.observation),
  shape: OBSERVATION_SHAPE,
  recordBytesMax: CODEC_DEFAULTS.observationBytesMax,
});

export const PROBE_REPORT_CONTRACT = new AvroContract({
  name: 'PROBE_REPORT',
  schemas: loadSchemas(SCHEMA_FILES.probeReport),
  shape: PROBE_REPORT_SHAPE,
  recordBytesMax: CODEC_DEFAULTS.recordBytesMax,
});

/** Codec of the topic `bittern.frames.v1`. */
export const frameCodec: Codec<Frame> = singleObjectCodec(FRAME_CONTRACT);

/** Codec of the topic `bittern.calls.v1`. */
export const observationCodec: Codec<ObservationRecord> = singleObjectCodec(OBSERVATION_CONTRACT);

/** Codec of the topic `bittern.probes.v1`. */
export const probeReportCodec: Codec<ProbeReport> = singleObjectCodec(PROBE_REPORT_CONTRACT);
