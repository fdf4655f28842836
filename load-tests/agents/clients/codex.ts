import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentClient } from '../client.ts';
import { promptOf } from '../play.ts';

/** Over HTTP; ../codex.ts has it over WebSocket. */
export const codex: AgentClient = {
  ...{ name: 'codex', from: 'npm', package: '@openai/codex', version: '0.169.0' },
  agentId: 'codex',
  prepare({ home, url }) {
    mkdirSync(join(home, '.codex'));
    const provider = `name = "Fake"\nbase_url = "${url}/v1"\nenv_key = "FAKE_KEY"\nwire_api = "responses"\n`;
    const config = `model = "gpt-5"\nmodel_provider = "fake"\n[model_providers.fake]\n${provider}`;
    writeFileSync(join(home, '.codex/config.toml'), config);
  },
  start({ folder }, prompt, resumes) {
    const flags = ['--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox'];
    return {
      program: join(folder, 'node_modules/.bin/codex'),
      args: ['exec', ...flags, ...(resumes ? ['resume', '--last'] : []), prompt],
      env: { FAKE_KEY: 'sk-made-up' },
    };
  },
  use(act, _repo, request) {
    switch (act.do) {
      case 'run':
        return { name: 'exec_command', arguments: { cmd: act.command } };
      case 'read':
        return { name: 'exec_command', arguments: { cmd: `cat ${act.file}` } };
      case 'delegate':
        return { name: 'spawn_agent', namespace: 'multi_agent_v1', arguments: { message: promptOf(act.part) } };
      case 'await': {
        const ids = [...JSON.stringify(request.body.input).matchAll(/\\"agent_id\\":\\"([0-9a-f-]+)\\"/g)];
        const targets = { targets: [ids[act.nth]?.[1] ?? ''], timeout_ms: 30_000 };
        return { name: 'wait_agent', namespace: 'multi_agent_v1', arguments: targets };
      }
    }
  },
  awaits: true,
  fullTokens: 260_000,
  afterLimit: 'ends',
  afterCut: 'retries',
  cannot: { background: 'all its subagents are' },
  side: ({ headers }) =>
    String(headers['x-codex-turn-metadata']).includes('"request_kind":"compaction"') ? 'compaction' : null,
};
