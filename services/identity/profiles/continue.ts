import { type ClientProfile, sideUnlessTools } from './profile.ts';

/** `Continue/VER`, or its SDK's (`ls/JS`); it tells no session. */
export const continueCli: ClientProfile = {
  name: 'continue',
  userAgents: ['continue', 'ls'],
  read: (input) => ({ kind: sideUnlessTools(input, 'auxiliary') }),
};
