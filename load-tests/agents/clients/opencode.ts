import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AgentClient, offeredTools } from '../client.ts';
import { promptOf } from '../play.ts';

function config(url: string): unknown {
  const options = { baseURL: `${url}/v1`, apiKey: 'sk-made-up' };
  const models = { 'gpt-5': { name: 'Fake' } };
  return {
    ...{ autoupdate: false, share: 'disabled', model: 'fake/gpt-5', permission: { '*': 'allow' } },
    provider: { fake: { npm: '@ai-sdk/openai-compatible', name: 'Fake', options, models } },
  };
}

export const opencode: AgentClient = {
  ...{ name: 'opencode', from: 'npm', package: 'opencode-ai', version: '1.18.33' },
  agentId: 'opencode',
  prepare({ home, url }) {
    mkdirSync(join(home, '.config/opencode'), { recursive: true });
    writeFileSync(join(home, '.config/opencode/opencode.json'), JSON.stringify(config(url)));
  },
  start: ({ folder }, prompt, resumes) => ({
    program: join(folder, 'node_modules/.bin/opencode'),
    args: ['run', ...(resumes ? ['--continue'] : []), prompt],
  }),
  use(act, repo) {
    switch (act.do) {
      case 'run':
        return { name: 'bash', arguments: { command: act.command, description: 'Runs a command' } };
      case 'read':
        return { name: 'read', arguments: { filePath: join(repo, act.file) } };
      case 'delegate': {
        const about = { description: `Look at ${act.part}`, subagent_type: 'general' };
        return { name: 'task', arguments: { ...about, prompt: promptOf(act.part) } };
      }
      case 'await':
        return null;
    }
  },
  hidesExits: true,
  afterCut: 'retries',
  cannot: { background: 'it waits for its subagents' },
  side: (request) => (offeredTools(request).length === 0 ? 'title' : null),
};
