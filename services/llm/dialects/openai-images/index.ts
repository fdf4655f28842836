import { deploymentOf } from '../shared/azure-path.ts';
import { factsOnly } from '../shared/facts-only.ts';
import { readUsage } from '../shared/openai-usage.ts';

const PATH = /\/images\/(generations|edits|variations)$/;

/** OpenAI's pictures: generations, edits, variations. */
export const openaiImages = factsOnly({
  name: 'openai.images',
  vendor: 'openai',
  stored: 'none',
  isCallPath: (path) => PATH.test(path),
  isCall: (has) => has('prompt') || has('image') || has('image[]'),
  modelOf: deploymentOf,
  usage: (json) => readUsage(json.usage),
});
