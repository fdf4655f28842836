import { asObject, type JsonObject } from '../../../common/json.ts';
import { bedrockPath } from '../shared/bedrock-path.ts';

export function isCallPath(path: string): boolean {
  return bedrockPath(path)?.operation.startsWith('converse') === true;
}

/** `{"output":{"message":{…}},"stopReason":"…","usage":{"inputTokens":…}}` */
export function isAnswer(json: JsonObject): boolean {
  return asObject(asObject(json.output)?.message) !== null && typeof json.stopReason === 'string';
}

/** Event types are those of the binary frames. */
export function isEvent(type: string, json: JsonObject): boolean {
  switch (type) {
    case 'messageStart':
      return typeof json.role === 'string';
    case 'contentBlockStart':
    case 'contentBlockDelta':
      return typeof json.contentBlockIndex === 'number';
    default:
      return false;
  }
}
