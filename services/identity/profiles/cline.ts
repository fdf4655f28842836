import { type ClientProfile, sideUnlessTools } from './profile.ts';

/** Its user agent is its SDK's; it ends only by a tool of its own. */
export const cline: ClientProfile = {
  name: 'cline',
  userAgents: ['cline'],
  claims: (input) =>
    /^You are Cline\b/.test(input.systemText) ||
    (input.offeredTools.includes('attempt_completion') && input.offeredTools.includes('ask_followup_question')),
  read: (input) => ({ kind: sideUnlessTools(input, 'auxiliary') }),
};
