import { readMeta } from '../shared/cohere-usage.ts';
import { factsOnly } from '../shared/facts-only.ts';

/** Cohere's Embed, versions 1 and 2. */
export const cohereEmbed = factsOnly({
  name: 'cohere.embed',
  vendor: 'cohere',
  stored: 'request',
  isCallPath: (path) => path.endsWith('/v1/embed') || path.endsWith('/v2/embed'),
  isCall: (has) => has('texts') || has('inputs') || has('images'),
  usage: (json) => readMeta(json.meta),
});
