import { type ClientProfile, sideUnlessTools } from './profile.ts';

/** How a compaction begins: its system prompt, or, with the tools of the conversation, its last words. */
const COMPACTION = 'You are the component that summarizes a conversation';

/** It tells neither session nor subagent. */
export const qwenCode: ClientProfile = {
  name: 'qwen-code',
  userAgents: ['qwencode'],
  read(input) {
    if (input.note.startsWith(COMPACTION)) return { kind: 'compaction' };
    const sums = /summari[sz]e|compress|state_snapshot/i.test(input.systemText);
    return { kind: sideUnlessTools(input, sums ? 'compaction' : 'auxiliary') };
  },
};
