import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AgentClient, offeredTools } from '../client.ts';

export const continueCli: AgentClient = {
  ...{ name: 'continue', from: 'npm', package: '@continuedev/cli', version: '1.5.47' },
  agentId: 'continue',
  prepare({ home, url }) {
    const model = ['name: fake', 'provider: openai', 'model: gpt-4.1', `apiBase: ${url}/v1`, 'apiKey: sk-made-up'];
    const models = `models:\n  - ${model.join('\n    ')}\n    roles: [chat]\n`;
    mkdirSync(join(home, '.continue'));
    writeFileSync(join(home, '.continue/config.yaml'), `name: fake\nversion: 1.0.0\nschema: v1\n${models}`);
  },
  start: ({ folder, home }, prompt, resumes) => ({
    program: join(folder, 'node_modules/.bin/cn'),
    args: ['--config', join(home, '.continue/config.yaml'), '--auto', ...(resumes ? ['--resume'] : []), '-p', prompt],
    env: { CONTINUE_TELEMETRY_ENABLED: '0', CONTINUE_CLI_ENABLE_TELEMETRY: '0' },
  }),
  use(act, repo) {
    switch (act.do) {
      case 'run':
        return { name: 'Bash', arguments: { command: act.command } };
      case 'read':
        return { name: 'Read', arguments: { filepath: join(repo, act.file) } };
      case 'delegate':
      case 'await':
        return null;
    }
  },
  hidesExits: true,
  afterCut: 'retries',
  cannot: { subagent: 'no subagents', subagents: 'no subagents', background: 'no subagents' },
  side: (request) => (offeredTools(request).length === 0 ? 'auxiliary' : null),
};
