import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type AgentClient, offeredTools } from '../client.ts';

/** Names of sessions begin with their time. */
const newestSession = (home: string): string => readdirSync(join(home, '.cline/data/sessions')).toSorted().at(-1) ?? '';

export const cline: AgentClient = {
  ...{ name: 'cline', from: 'npm', package: 'cline', version: '3.0.65' },
  agentId: 'cline',
  setUp: ({ folder, url }) => ({
    program: join(folder, 'node_modules/.bin/cline'),
    args: ['auth', '-p', 'openai', '-k', 'sk-made-up', '-b', `${url}/v1`, '-m', 'gpt-4.1'],
    env: { CLINE_TELEMETRY_DISABLED: '1' },
  }),
  start: ({ folder, home }, prompt, resumes) => ({
    program: join(folder, 'node_modules/.bin/cline'),
    args: ['--yolo', ...(resumes ? ['--id', newestSession(home)] : []), prompt],
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
  cannot: { subagent: 'offers no tool', subagents: 'offers no tool', background: 'offers no tool' },
  side: (request) => (offeredTools(request).length === 0 ? 'auxiliary' : null),
};
