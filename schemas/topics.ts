/** The topics that the stages talk over: names, keys and codecs. Keys keep together what must be seen in order. */
import type { Codec, Topic } from '../services/bus/bus.ts';
import { BitternError } from '../services/common/errors.ts';
import type { ObservationRecord } from './call.ts';
import { frameCodec, observationCodec, probeReportCodec } from './codec.ts';
import type { Frame, ProbeReport } from './frame.ts';
import type { StoryEvent } from './story.ts';

/** Rough weight of a segment and of a frame's fixed part in memory, bytes. */
const SEGMENT_BYTES = 64;
const FRAME_BYTES = 512;
/** The same for a call's facts and for a row without bodies. */
const CALL_BYTES = 4096;
const ROW_BYTES = 1024;

/** Key: connection id. */
export const FRAMES: Topic<Frame> = {
  name: 'bittern.frames.v1',
  codec: frameCodec,
  sizeOf: (frame) => FRAME_BYTES + frame.payload.length + frame.segments.length * SEGMENT_BYTES,
};

/** Key: connection id. */
export const OBSERVATIONS: Topic<ObservationRecord> = {
  name: 'bittern.calls.v1',
  codec: observationCodec,
  sizeOf: (observation) => {
    if (observation.type === 'exchange') return ROW_BYTES;
    let bytes = observation.type === 'call' ? CALL_BYTES + observation.call.requestSkeleton.length : ROW_BYTES;
    for (const content of observation.contents) bytes += content.text.length;
    return bytes;
  },
};

/** Key: probe. */
export const PROBE_REPORTS: Topic<ProbeReport> = {
  name: 'bittern.probes.v1',
  codec: probeReportCodec,
  sizeOf: () => ROW_BYTES,
};

/** JSON, so that consumers of your own need nothing of ours. */
const eventCodec: Codec<StoryEvent> = {
  encode: (event) => Buffer.from(JSON.stringify(event)),
  decode: (bytes) => {
    try {
      return JSON.parse(bytes.toString('utf8')) as StoryEvent;
    } catch (cause) {
      throw new BitternError('BIT_EVENT_UNREADABLE', 'An event record is not valid JSON.', { cause });
    }
  },
};

/** Key: session id. */
export const EVENTS: Topic<StoryEvent> = {
  name: 'bittern.events.v1',
  codec: eventCodec,
  sizeOf: () => CALL_BYTES,
};
