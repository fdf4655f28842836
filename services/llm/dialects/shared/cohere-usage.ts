import { asCount, asObject } from '../../../common/json.ts';
import type { Usage } from '../dialect.ts';
import { plainUsage } from './facts.ts';

/**
 * `{"tokens":{"input_tokens":…,"output_tokens":…},"billed_units":{…},"cached_tokens":…}`: `tokens` are those that the model saw,
 * cached ones and the API's own prompt included; `billed_units` leaves that prompt out, and is taken where nothing else is told.
 */
export function readMeta(value: unknown): Usage | null {
  const meta = asObject(value);
  const tokens = asObject(meta?.tokens) ?? asObject(meta?.billed_units);
  if (meta === null || tokens === null) return null;
  const usage = plainUsage(asCount(tokens.input_tokens), asCount(tokens.output_tokens));
  return usage === null ? null : { ...usage, cacheRead: asCount(meta.cached_tokens) };
}
