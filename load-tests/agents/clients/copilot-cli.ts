import { join } from 'node:path';
import { type AgentClient, offeredTools } from '../client.ts';
import { promptOf } from '../play.ts';

export const copilotCli: AgentClient = {
  ...{ name: 'copilot', from: 'npm', package: '@github/copilot', version: '1.0.102' },
  agentId: 'github-copilot',
  start: ({ folder, url }, prompt, resumes) => ({
    program: join(folder, 'node_modules/.bin/copilot'),
    args: ['--allow-all-tools', '--no-color', ...(resumes ? ['--continue'] : []), '-p', prompt],
    env: {
      ...{ COPILOT_OFFLINE: 'true', COPILOT_PROVIDER_BASE_URL: `${url}/v1`, COPILOT_PROVIDER_TYPE: 'openai' },
      ...{ COPILOT_PROVIDER_API_KEY: 'sk-made-up', COPILOT_MODEL: 'gpt-4.1', COPILOT_AUTO_UPDATE: 'false' },
    },
  }),
  use(act, repo) {
    switch (act.do) {
      case 'run':
        return { name: 'bash', arguments: { command: act.command, description: 'Runs a command' } };
      case 'read':
        return { name: 'view', arguments: { path: join(repo, act.file) } };
      case 'delegate': {
        const about = { name: act.part.replace('.', '-'), description: 'Look at it', agent_type: 'general-purpose' };
        return { name: 'task', arguments: { ...about, prompt: promptOf(act.part) } };
      }
      case 'await':
        return null;
    }
  },
  afterCut: 'retries',
  cannot: { background: 'it waits for its subagents' },
  side: (request) => (offeredTools(request).length === 0 ? 'auxiliary' : null),
};
