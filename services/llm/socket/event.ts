/** Members of an event, found at byte level: an event may carry a whole conversation, and is parsed once, by who needs it. */

import { asObject, asString, type JsonObject, parseJson } from '../../common/json.ts';
import { scanRequest } from '../json/scan.ts';

/** Most events say what they are in their first member. */
const HEAD_BYTES = 96;
const TYPE = /^\s*\{\s*"type"\s*:\s*"([A-Za-z0-9_.]+)"/;

export function eventType(message: Buffer): string {
  const head = TYPE.exec(message.toString('latin1', 0, HEAD_BYTES));
  return head !== null ? head[1]! : asString(eventMembers(message, ['type']).type);
}

/** Id of the response that an event carries whole; '' = it carries none. */
export function carriedResponse(message: Buffer): string {
  return asString(asObject(eventMembers(message, ['response']).response)?.id);
}

/** Top-level members of these names, parsed; those that aren't whole are left out. */
export function eventMembers(message: Buffer, names: readonly string[]): JsonObject {
  const found: Record<string, unknown> = {};
  for (const { key, start, end } of scanRequest(message, {}, 0, null).members) {
    if (end >= 0 && names.includes(key)) found[key] = parseJson(message.toString('utf8', start, end));
  }
  return found;
}

/** The text of a top-level member as it stands in the message; '' = it isn't there. */
export function memberText(message: Buffer, name: string): string {
  for (const { key, start, end } of scanRequest(message, {}, 0, null).members) {
    if (end >= 0 && key === name) return message.toString('utf8', start, end);
  }
  return '';
}
