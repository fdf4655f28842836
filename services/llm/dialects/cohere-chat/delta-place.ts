import { asObject, asString, type JsonObject } from '../../../common/json.ts';
import type { DeltaPlace } from '../../event-template.ts';

const CONTENT: DeltaPlace = { path: ['delta', 'message', 'content', 'text'], ignored: [] };
const ARGUMENTS: DeltaPlace = { path: ['delta', 'message', 'tool_calls', 'function', 'arguments'], ignored: [] };

export function deltaPlace(json: JsonObject): DeltaPlace | null {
  const message = asObject(asObject(json.delta)?.message);
  switch (json.type) {
    case 'content-delta':
      return asString(asObject(message?.content)?.text) === '' ? null : CONTENT;
    case 'tool-call-delta':
      return asString(asObject(asObject(message?.tool_calls)?.function)?.arguments) === '' ? null : ARGUMENTS;
    default:
      return null;
  }
}
