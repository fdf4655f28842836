import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import type { DeltaPlace } from '../../event-template.ts';

const TEXT: DeltaPlace = { path: ['choices', 0, 'text'], ignored: ['obfuscation'] };

export function deltaPlace(json: JsonObject): DeltaPlace | null {
  return asString(asObject(asArray(json.choices)[0])?.text) === '' ? null : TEXT;
}
