/** All clients. A new one is a file beside these and a line here. */
import type { AgentClient } from '../client.ts';
import { claudeCode } from './claude-code.ts';
import { cline } from './cline.ts';
import { codex } from './codex.ts';
import { continueCli } from './continue.ts';
import { copilotCli } from './copilot-cli.ts';
import { geminiCli } from './gemini-cli.ts';
import { openaiAgents } from './openai-agents.ts';
import { opencode } from './opencode.ts';
import { qwenCode } from './qwen-code.ts';

export const CLIENTS: readonly AgentClient[] = [
  claudeCode,
  codex,
  opencode,
  geminiCli,
  qwenCode,
  cline,
  continueCli,
  copilotCli,
  openaiAgents,
];
