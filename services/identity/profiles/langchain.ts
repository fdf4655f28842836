import type { ClientProfile } from './profile.ts';

/** LangChain and LangGraph leave the SDK's user agent; what tells them are headers that some integrations add. */
export const langchain: ClientProfile = {
  name: 'langchain',
  userAgents: ['langchain', 'langgraph', 'langchainjs-openai', 'langchainjs-anthropic'],
  claims: (input) =>
    (input.headers.get('x-title') ?? '') === 'langchain' || /\blangchain/i.test(input.headers.get('user-agent') ?? ''),
};
