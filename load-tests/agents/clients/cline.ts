import { join } from 'node:path';
import { type AgentClient, offeredTools } from '../client.ts';

export const cline: AgentClient = {
  ...{ name: 'cline', from: 'npm', package: 'cline', version: '3.0.65' },
  agentId: 'cline',
  setUp: ({ folder, url }) => ({
    program: join(folder, 'node_modules/.bin/cline'),
    args: ['auth', '-p', 'openai', '-k', 'sk-made-up', '-b', `${url}/v1`, '-m', 'gpt-4.1'],
    env: { CLINE_TELEMETRY_DISABLED: '1' },
  }),
  start: ({ folder }, prompt) => ({
    program: join(folder, 'node_modules/.bin/cline'),
    args: ['--yolo', prompt],
    env: { CLINE_TELEMETRY_DISABLED: '1' },
  }),
  use(act, repo) {
    switch (act.do) {
      case 'run':
        return { name: 'run_commands', arguments: { commands: [act.command] } };
      case 'read':
        return { name: 'read_files', arguments: { files: [{ path: join(repo, act.file) }] } };
      case 'delegate':
      case 'await':
        return null;
    }
  },
  finish: (text) => ({ name: 'submit_and_exit', arguments: { summary: text, verified: true } }),
  afterCut: 'retries',
  cannot: {
    resume: 'resumes in a terminal only',
    ...{ subagent: 'offers no tool for it', subagents: 'offers no tool for it', background: 'offers no tool for it' },
  },
  side: (request) => (offeredTools(request).length === 0 ? 'auxiliary' : null),
};
