import { factsOnly } from '../shared/facts-only.ts';
import { readUsage } from '../shared/openai-usage.ts';

/** OpenAI's moderation, which is free of charge and tells no usage; Mistral's tells one. */
export const openaiModerations = factsOnly({
  name: 'openai.moderations',
  vendor: 'openai',
  stored: 'none',
  isCallPath: (path) => path.endsWith('/moderations'),
  isCall: (has) => has('input'),
  usage: (json) => readUsage(json.usage),
});
