import { type ClientProfile, header } from './profile.ts';

/** One trace id for a whole run; its user agent is its SDK's. */
export const openclaw: ClientProfile = {
  name: 'openclaw',
  userAgents: ['openclaw'],
  claims: (input) => /\bOpenClaw\b/.test(input.systemText),
  read(input) {
    const [version, trace] = header(input, 'traceparent').split('-');
    return version === '00' && trace !== undefined && /^[0-9a-f]{32}$/.test(trace) ? { sessionId: trace } : {};
  },
};
