import { asArray, asObject } from '../../../common/json.ts';
import { deploymentOf } from '../shared/azure-path.ts';
import { factsOnly } from '../shared/facts-only.ts';
import { readUsage } from '../shared/openai-usage.ts';

/** OpenAI's embeddings and what imitates them; also Ollama's older `/api/embeddings`, which tells no usage. */
export const openaiEmbeddings = factsOnly({
  name: 'openai.embeddings',
  vendor: 'openai',
  stored: 'request',
  isCallPath: (path) => path.endsWith('/embeddings'),
  isCall: (has) => has('input') || has('prompt'),
  modelOf: deploymentOf,
  usage: (json) => readUsage(json.usage),
  isAnswer: (json) => json.object === 'list' && asObject(asArray(json.data)[0])?.object === 'embedding',
});
