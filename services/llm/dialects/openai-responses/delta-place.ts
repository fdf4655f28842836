import { asString, type JsonObject } from '../../../common/json.ts';
import type { DeltaPlace } from '../../event-template.ts';

const DELTA: DeltaPlace = { path: ['delta'], ignored: ['sequence_number', 'obfuscation'] };

export function deltaPlace(json: JsonObject): DeltaPlace | null {
  return asString(json.type).endsWith('.delta') && asString(json.delta) !== '' ? DELTA : null;
}
