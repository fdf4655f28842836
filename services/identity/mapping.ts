/** Which header tells which identity. Configurable; the first present one in order wins. Names in lower case. */
export interface IdentityMapping {
  readonly agentId: readonly string[];
  readonly sessionId: readonly string[];
  readonly userId: readonly string[];
  readonly teamId: readonly string[];
  readonly requestId: readonly string[];
}

export const IDENTITY_DEFAULTS: IdentityMapping = {
  agentId: ['x-agent-id', 'x-agent-name', 'helicone-agent', 'helicone-property-agent', 'x-bf-agent-id'],
  sessionId: [
    'x-session-id',
    'x-conversation-id',
    'helicone-session-id',
    'x-claude-code-session-id',
    'session-id',
    'session_id',
    'x-session-affinity',
    'x-hermes-session-id',
    'x-cagent-session-id',
    'x-dynamo-session-id',
    'x-litellm-session-id',
  ],
  userId: ['x-user-id', 'helicone-user-id', 'x-litellm-end-user-id'],
  teamId: ['x-team-id', 'x-litellm-team-id', 'x-litellm-team', 'helicone-property-team'],
  requestId: [
    'x-request-id',
    'request-id',
    'x-client-request-id',
    'x-litellm-call-id',
    'apim-request-id',
    'x-goog-request-id',
  ],
};
