import { type ClientProfile, header, sideUnlessTools } from './profile.ts';

export const hermes: ClientProfile = {
  name: 'hermes',
  userAgents: ['hermes', 'hermes-agent'],
  claims: (input) =>
    input.headers.has('x-hermes-session-id') ||
    (input.offeredTools.includes('session_search') && input.offeredTools.includes('skill_view')),
  read: (input) => ({ sessionId: header(input, 'x-hermes-session-id'), kind: sideUnlessTools(input, 'auxiliary') }),
};
