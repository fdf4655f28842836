import { join } from 'node:path';
import { type AgentClient, offeredTools } from '../client.ts';
import { promptOf } from '../play.ts';

export const claudeCode: AgentClient = {
  ...{ name: 'claude-code', from: 'npm', package: '@anthropic-ai/claude-code', version: '2.1.330' },
  agentId: 'claude-code',
  start: ({ folder, url }, prompt, resumes) => ({
    program: join(folder, 'node_modules/.bin/claude'),
    args: ['--dangerously-skip-permissions', ...(resumes ? ['--continue'] : []), '-p', prompt],
    env: { ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: 'sk-ant-made-up', IS_SANDBOX: '1' },
  }),
  compact: '/compact',
  use(act, repo) {
    switch (act.do) {
      case 'run':
        return { name: 'Bash', arguments: { command: act.command, description: 'Runs a command' } };
      case 'read':
        return { name: 'Read', arguments: { file_path: join(repo, act.file) } };
      case 'delegate': {
        const about = {
          description: `Look at ${act.part}`,
          subagent_type: 'general-purpose',
          run_in_background: act.background === true,
        };
        return { name: 'Agent', arguments: { ...about, prompt: promptOf(act.part) } };
      }
      case 'await':
        return null;
    }
  },
  afterCut: 'retries',
  side(request) {
    if (/CRITICAL: Respond with TEXT ONLY/.test(request.prompt.slice(-30_000))) return 'compaction';
    return offeredTools(request).length === 0 ? 'title' : null;
  },
};
