import { type ClientProfile, header, sideUnlessTools } from './profile.ts';

export const goose: ClientProfile = {
  name: 'goose',
  userAgents: ['goose'],
  claims: (input) => input.headers.has('goose-session-id'),
  read: (input) => ({ sessionId: header(input, 'goose-session-id'), kind: sideUnlessTools(input, 'auxiliary') }),
};
