/** All client profiles. A new one is a file beside these and a line here. */
import { aider } from './aider.ts';
import { claudeCode } from './claude-code.ts';
import { cline } from './cline.ts';
import { codex } from './codex.ts';
import { continueCli } from './continue.ts';
import { copilotCli } from './copilot-cli.ts';
import { geminiCli } from './gemini-cli.ts';
import { goose } from './goose.ts';
import { hermes } from './hermes.ts';
import { langchain } from './langchain.ts';
import { openaiAgents } from './openai-agents.ts';
import { openclaw } from './openclaw.ts';
import { opencode } from './opencode.ts';
import type { ClientProfile, ProfileInput } from './profile.ts';
import { qwenCode } from './qwen-code.ts';

export const PROFILES: readonly ClientProfile[] = [
  claudeCode,
  codex,
  opencode,
  geminiCli,
  qwenCode,
  copilotCli,
  openclaw,
  hermes,
  cline,
  goose,
  continueCli,
  aider,
  langchain,
  openaiAgents,
];

const BY_NAME = new Map(PROFILES.map((profile) => [profile.name, profile]));

/** By the name that the user agent told, else the first that recognises the request. Null: none. */
export function profileOf(clientName: string, input: ProfileInput): ClientProfile | null {
  const named = BY_NAME.get(clientName);
  if (named !== undefined) return named;
  for (const profile of PROFILES) if (profile.claims?.(input)) return profile;
  return null;
}
