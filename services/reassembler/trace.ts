/** The trace that a call belongs to, as a record header: who follows traces needn't decode the record. */
import type { Observation } from '../../schemas/call.ts';
import type { RecordHeaders } from '../bus/bus.ts';

/**
 * version "-" trace-id "-" parent-id "-" trace-flags, ids not all zero; what a later version appends isn't passed on.
 * W3C Trace Context, 3.2. The traffic's own header may hold anything.
 */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?=$|-)/;

/** Undefined where the call has no valid trace context. */
export function traceHeaders(observation: Observation): RecordHeaders | undefined {
  if (observation.type === 'exchange') return undefined;
  const told = observation.type === 'call' ? observation.call.traceparent : observation.execution.traceparent;
  const traceparent = told === '' ? undefined : TRACEPARENT.exec(told)?.[0];
  return traceparent === undefined ? undefined : { traceparent };
}
