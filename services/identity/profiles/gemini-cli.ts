import { asObject } from '../../common/json.ts';
import { type ClientProfile, type ProfileInput, sideUnlessTools } from './profile.ts';

/** A router asks for JSON by a schema before each prompt. */
function asksForJson({ body }: ProfileInput): boolean {
  const config = asObject(body.generationConfig);
  return config?.responseSchema !== undefined || config?.responseJsonSchema !== undefined;
}

/** It tells neither session nor subagent: both are told by content. */
export const geminiCli: ClientProfile = {
  name: 'gemini-cli',
  userAgents: ['geminicli-tui', 'geminicli'],
  read: (input) => ({ kind: sideUnlessTools(input, asksForJson(input) ? 'router' : 'auxiliary') }),
};
