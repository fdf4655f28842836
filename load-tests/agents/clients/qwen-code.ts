import { join } from 'node:path';
import { type AgentClient, offeredTools } from '../client.ts';
import { promptOf } from '../play.ts';

export const qwenCode: AgentClient = {
  ...{ name: 'qwen-code', from: 'npm', package: '@qwen-code/qwen-code', version: '0.24.4' },
  agentId: 'qwen-code',
  start: ({ folder, url }, prompt, resumes) => ({
    program: join(folder, 'node_modules/.bin/qwen'),
    args: ['--yolo', '--auth-type', 'openai', ...(resumes ? ['--continue'] : []), '-p', prompt],
    env: { OPENAI_API_KEY: 'sk-made-up', OPENAI_BASE_URL: `${url}/v1`, OPENAI_MODEL: 'qwen3-coder-plus' },
  }),
  compact: '/compress',
  use(act, repo) {
    switch (act.do) {
      case 'run':
        return { name: 'run_shell_command', arguments: { command: act.command, is_background: false } };
      case 'read':
        return { name: 'read_file', arguments: { file_path: join(repo, act.file) } };
      case 'delegate': {
        const about = { description: `Look at ${act.part}`, subagent_type: 'general-purpose' };
        const background = { run_in_background: act.background === true };
        return { name: 'agent', arguments: { ...about, ...background, prompt: promptOf(act.part) } };
      }
      case 'await':
        return null;
    }
  },
  afterCut: 'continues',
  side(request) {
    const texts = JSON.stringify(request.body.messages);
    if (/You are the component that summarizes a conversation/.test(texts)) return 'compaction';
    return offeredTools(request).length === 0 ? 'auxiliary' : null;
  },
  sideAnswer: () => '<state_snapshot>Files were looked at.</state_snapshot>',
};
