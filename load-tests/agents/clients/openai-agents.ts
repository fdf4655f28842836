import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AgentClient } from '../client.ts';
import { promptOf } from '../play.ts';

const AGENT = fileURLToPath(new URL('openai-agents.py', import.meta.url));

/** An SDK: the agent on it is ours. */
export const openaiAgents: AgentClient = {
  ...{ name: 'openai-agents', from: 'pypi', package: 'openai-agents', version: '0.24.0' },
  agentId: 'openai-agents',
  start: ({ folder, home, url }, prompt) => ({
    program: join(folder, 'bin/python'),
    args: [AGENT, prompt, join(home, 'session.db')],
    env: { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: 'sk-made-up' },
  }),
  use(act, repo) {
    switch (act.do) {
      case 'run':
        return { name: 'run_command', arguments: { command: act.command } };
      case 'read':
        return { name: 'read_file', arguments: { path: join(repo, act.file) } };
      case 'delegate':
        return { name: 'ask_helper', arguments: { input: promptOf(act.part) } };
      case 'await':
        return null;
    }
  },
  afterCut: 'retries',
  cannot: { background: 'it waits for its subagents' },
  side: () => null,
};
