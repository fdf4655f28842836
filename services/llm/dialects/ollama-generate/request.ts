import { asString } from '../../../common/json.ts';
import { withoutReminders } from '../../reminders.ts';
import type { RequestReader } from '../dialect.ts';
import { fields } from '../shared/ollama.ts';

export const request: RequestReader = {
  layout: { prompt: 'message', system: 'system' },
  messages: 'prompt',
  // Without a prompt a model is only loaded or unloaded.
  isCall: (has) => has('model') && has('prompt'),
  fields,
  userText: (prompt) => withoutReminders(asString(prompt)),
  toolNames: () => [],
};
