import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import type { DeltaPlace } from '../../event-template.ts';

/** Padding against guessing tokens by the length of packets. */
const IGNORED = ['obfuscation'];
const DELTA = ['choices', 0, 'delta'] as const;
const TEXTS: readonly (readonly [member: string, place: DeltaPlace])[] = [
  'content',
  'reasoning_content',
  'reasoning',
  'refusal',
].map((member) => [member, { path: [...DELTA, member], ignored: IGNORED }]);
const ARGUMENTS: DeltaPlace = { path: [...DELTA, 'tool_calls', 0, 'function', 'arguments'], ignored: IGNORED };

export function deltaPlace(json: JsonObject): DeltaPlace | null {
  const delta = asObject(asObject(asArray(json.choices)[0])?.delta);
  if (delta === null) return null;
  for (const [member, place] of TEXTS) if (asString(delta[member]) !== '') return place;
  const call = asObject(asObject(asArray(delta.tool_calls)[0])?.function);
  return asString(call?.arguments) === '' ? null : ARGUMENTS;
}
