import { asCount, asObject } from '../../../common/json.ts';
import { readMeta } from '../shared/cohere-usage.ts';
import { plainUsage } from '../shared/facts.ts';
import { factsOnly } from '../shared/facts-only.ts';

/** Rankings, as Cohere, Jina, vLLM and Text Embeddings Inference have them alike. */
export const rerank = factsOnly({
  name: 'rerank',
  vendor: '',
  stored: 'none',
  isCallPath: (path) => path.endsWith('/rerank'),
  isCall: (has) => has('query') && (has('documents') || has('texts')),
  usage: (json) => {
    const usage = asObject(json.usage);
    return readMeta(json.meta) ?? plainUsage(asCount(usage?.prompt_tokens ?? usage?.total_tokens), null);
  },
});
