/**
 * Events out of the messages of Amazon's binary event stream. Bedrock's InvokeModelWithResponseStream wraps the events of the
 * model's own API:
 *
 *     :message-type event      :event-type chunk            {"bytes":"BASE64 of the inner event","p":"padding"}
 *     :message-type event      :event-type contentBlock…    the event itself (ConverseStream)
 *     :message-type exception  :exception-type throttling…  {"message":"…"}
 *     :message-type error      :error-code …  :error-message …
 */

import { asObject, asString, parseJson } from '../common/json.ts';
import type { EventHeaders } from '../http/aws-event-stream.ts';

export interface AwsEvent {
  readonly type: string;
  readonly data: string;
}

/** In the shape that the APIs' own error events have. */
function failure(type: string, message: string): AwsEvent {
  return { type: 'error', data: JSON.stringify({ type: 'error', error: { type, message } }) };
}

export function awsEventOf(headers: EventHeaders, payload: Buffer): AwsEvent {
  const kind = headers.get(':message-type') ?? 'event';
  if (kind === 'error') return failure(headers.get(':error-code') ?? '', headers.get(':error-message') ?? '');
  const data = payload.toString('utf8');
  if (kind === 'exception') {
    const told = asObject(parseJson(data));
    return failure(headers.get(':exception-type') ?? '', asString(told?.message ?? told?.originalMessage) || data);
  }
  const type = headers.get(':event-type') ?? '';
  if (type !== 'chunk') return { type, data };
  const { bytes } = asObject(parseJson(data)) ?? {};
  return typeof bytes === 'string' ? { type: '', data: Buffer.from(bytes, 'base64').toString('utf8') } : { type, data };
}
