import { asCount } from '../../../common/json.ts';
import { plainUsage } from '../shared/facts.ts';
import { factsOnly } from '../shared/facts-only.ts';

/** Ollama's embeddings. */
export const ollamaEmbed = factsOnly({
  name: 'ollama.embed',
  vendor: 'ollama',
  stored: 'request',
  isCallPath: (path) => path.endsWith('/api/embed'),
  isCall: (has) => has('input'),
  usage: (json) => plainUsage(asCount(json.prompt_eval_count), null),
});
