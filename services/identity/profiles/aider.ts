import type { ClientProfile } from './profile.ts';

/** It offers no tools: edits stand in its text. */
export const aider: ClientProfile = {
  name: 'aider',
  userAgents: ['aider'],
  claims: (input) =>
    input.offeredTools.length === 0 &&
    /SEARCH\/REPLACE block|^Act as an expert (?:software developer|code analyst)/.test(input.systemText),
  read: (input) => ({
    kind: /summari[sz]e/i.test(input.note) && input.systemText.includes('*Briefly* summarize') ? 'compaction' : 'main',
  }),
};
