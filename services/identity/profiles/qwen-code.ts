import { type ClientProfile, sideUnlessTools } from './profile.ts';

/** It tells neither session nor subagent. Its compaction has a system prompt of its own and no tools. */
export const qwenCode: ClientProfile = {
  name: 'qwen-code',
  userAgents: ['qwencode'],
  read(input) {
    const sums = /summari[sz]e|compress|state_snapshot/i.test(input.systemText);
    return { kind: sideUnlessTools(input, sums ? 'compaction' : 'auxiliary') };
  },
};
