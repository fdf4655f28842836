import { type ClientProfile, header, sideUnlessTools } from './profile.ts';

/** A subagent has a session of its own that names its parent. */
export const opencode: ClientProfile = {
  name: 'opencode',
  userAgents: ['opencode'],
  read(input) {
    const parentSessionId = header(input, 'x-parent-session-id');
    const kind = sideUnlessTools(input, 'title');
    return {
      sessionId: header(input, 'x-session-id') || header(input, 'x-session-affinity'),
      thread: kind === 'main' ? 'main' : '',
      parentSessionId,
      kind: kind === 'main' && parentSessionId !== '' ? 'subagent' : kind,
    };
  },
};
