import type { ClientProfile } from './profile.ts';

/** `Agents/Python VER`, `Agents/JavaScript VER`. */
export const openaiAgents: ClientProfile = {
  name: 'openai-agents',
  userAgents: ['agents'],
};
