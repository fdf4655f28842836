/** Gemini CLI 0.61: no ids at all, those of tool calls made up by the client, a router before each prompt. */
import { type Body, COMMON_TOOLS, type Outgoing, PLAIN, type WireClient } from '../client.ts';

const CONTEXT = { role: 'user', parts: [{ text: '<session_context>\nThis is the Gemini CLI.\n</session_context>' }] };

function dress(body: Body, { kind, line }: Outgoing): Body {
  const isRouter = kind === 'router';
  const schema = { type: 'OBJECT', properties: { complexity: { type: 'STRING' } } };
  const config = body.generationConfig as object;
  return {
    ...body,
    contents: line.parent === null && !isRouter ? [CONTEXT, ...(body.contents as unknown[])] : body.contents,
    ...(isRouter
      ? { generationConfig: { ...config, responseMimeType: 'application/json', responseJsonSchema: schema } }
      : {}),
  };
}

export const geminiCli: WireClient = {
  ...PLAIN,
  agentId: 'gemini-cli',
  clientName: 'gemini-cli',
  dialect: 'gemini.generate_content',
  userAgent: 'GeminiCLI-tui/0.61.0/gemini-3-pro-preview (linux; x64; terminal)',
  system: 'You are an interactive CLI agent.',
  model: 'gemini-2.5-pro',
  servedModel: 'gemini-2.5-pro',
  streaming: true,
  sessionSource: 'content',
  tools: [
    ...COMMON_TOOLS,
    { name: 'invoke_agent', description: 'Starts an agent.', parameters: ['agent_name', 'prompt'] },
    { name: 'complete_task', description: 'Ends the task.', parameters: ['result'] },
  ],
  spawn: { tool: 'invoke_agent', task: 'prompt' },
  dress,
  echoedId: (_id, name, { clock, stage }) => `${name}_${Math.floor(clock / 1000)}_${stage.random.int(0, 9999)}`,
};

export const ROUTER = {
  model: 'gemini-2.5-flash-lite',
  system: 'You are a task routing classifier.',
  text: '{"complexity":"high"}',
};
