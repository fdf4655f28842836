import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AgentClient, offeredTools } from '../client.ts';
import { promptOf } from '../play.ts';

const SETTINGS = {
  security: { auth: { selectedType: 'gemini-api-key' } },
  telemetry: { enabled: false },
  privacy: { usageStatisticsEnabled: false },
  general: { enableAutoUpdate: false },
};

export const geminiCli: AgentClient = {
  ...{ name: 'gemini-cli', from: 'npm', package: '@google/gemini-cli', version: '0.61.0' },
  agentId: 'gemini-cli',
  prepare({ home }) {
    mkdirSync(join(home, '.gemini'));
    writeFileSync(join(home, '.gemini/settings.json'), JSON.stringify(SETTINGS));
  },
  start: ({ folder, url }, prompt, resumes) => ({
    program: join(folder, 'node_modules/.bin/gemini'),
    args: ['--yolo', ...(resumes ? ['--resume', 'latest'] : []), '-p', prompt],
    env: { GEMINI_API_KEY: 'made-up', GOOGLE_GEMINI_BASE_URL: url, GEMINI_CLI_TRUST_WORKSPACE: 'true' },
  }),
  use(act, repo) {
    switch (act.do) {
      case 'run':
        return { name: 'run_shell_command', arguments: { command: act.command, description: 'Runs a command' } };
      case 'read':
        return { name: 'read_file', arguments: { file_path: join(repo, act.file) } };
      case 'delegate':
        return { name: 'invoke_agent', arguments: { agent_name: 'generalist', prompt: promptOf(act.part) } };
      case 'await':
        return null;
    }
  },
  afterCut: 'ends',
  cannot: { background: 'it waits for its subagents' },
  /** Only subagents have it. */
  finish: (text) => ({ name: 'complete_task', arguments: { result: { response: text } } }),
  side: (request) => (offeredTools(request).length === 0 ? 'router' : null),
  sideAnswer: () =>
    JSON.stringify({
      reasoning: 'Little to do.',
      complexity_reasoning: 'Little.',
      complexity_score: 10,
      model_choice: 'flash',
    }),
};
