import { asObject, asString, type JsonObject } from '../../../common/json.ts';
import type { DeltaPlace } from '../../event-template.ts';

/** Padding against guessing tokens by the length of packets. */
const IGNORED = ['p'];
const TEXT: DeltaPlace = { path: ['delta', 'text'], ignored: IGNORED };
const ARGUMENTS: DeltaPlace = { path: ['delta', 'toolUse', 'input'], ignored: IGNORED };
const REASONING: DeltaPlace = { path: ['delta', 'reasoningContent', 'text'], ignored: IGNORED };

export function deltaPlace(json: JsonObject): DeltaPlace | null {
  const delta = asObject(json.delta);
  if (delta === null || typeof json.contentBlockIndex !== 'number') return null;
  if (asString(delta.text) !== '') return TEXT;
  if (asString(asObject(delta.toolUse)?.input) !== '') return ARGUMENTS;
  return asString(asObject(delta.reasoningContent)?.text) === '' ? null : REASONING;
}
