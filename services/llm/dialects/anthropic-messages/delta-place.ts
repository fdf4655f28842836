import { asObject, type JsonObject } from '../../../common/json.ts';
import type { DeltaPlace } from '../../event-template.ts';

const TEXT: DeltaPlace = { path: ['delta', 'text'], ignored: [] };
const THINKING: DeltaPlace = { path: ['delta', 'thinking'], ignored: [] };
const ARGUMENTS: DeltaPlace = { path: ['delta', 'partial_json'], ignored: [] };

export function deltaPlace(json: JsonObject): DeltaPlace | null {
  if (json.type !== 'content_block_delta') return null;
  switch (asObject(json.delta)?.type) {
    case 'text_delta':
      return TEXT;
    case 'thinking_delta':
      return THINKING;
    case 'input_json_delta':
      return ARGUMENTS;
    default:
      return null;
  }
}
