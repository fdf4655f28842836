import { type ClientProfile, header } from './profile.ts';

/** Its user agent is its SDK's. A subagent is marked, but not named. */
export const copilotCli: ClientProfile = {
  name: 'github-copilot',
  userAgents: ['githubcopilotchat', 'copilot-cli'],
  claims: (input) => input.headers.has('x-interaction-type') || input.headers.has('x-initiator'),
  read(input) {
    const type = header(input, 'x-interaction-type');
    if (type === 'conversation-subagent') return { kind: 'subagent' };
    return { kind: input.offeredTools.length === 0 ? 'auxiliary' : 'main' };
  },
};
