/** Codex 0.169 over HTTP: ids for everything, members in random order, outputs with what differs at every run. */
import { type Body, COMMON_TOOLS, type Outgoing, type WireClient } from '../client.ts';
import type { Line } from '../line.ts';

function metadataOf({ line, kind }: Outgoing): Record<string, string> {
  const isChild = line.parent !== null;
  return {
    session_id: line.session.uuid,
    thread_id: line.uuid,
    turn_id: line.turnUuid,
    root_turn_id: line.rootTurnUuid,
    request_kind: kind === 'compaction' ? 'compaction' : 'turn',
    window_number: String(line.window),
    ...(isChild ? { parent_thread_id: line.parent.uuid, subagent_kind: 'thread_spawn' } : {}),
  };
}

function shuffled(record: Record<string, string>, { stage }: Line): Record<string, string> {
  const entries = Object.entries(record).map((entry) => ({ entry, at: stage.random.next() }));
  return Object.fromEntries(entries.sort((a, b) => a.at - b.at).map(({ entry }) => entry));
}

const CONTEXT = {
  type: 'input_text',
  text: '<environment_context>\n  <cwd>/home/mara/reeds</cwd>\n</environment_context>',
};

function dress(body: Body, outgoing: Outgoing): Body {
  const { line } = outgoing;
  const told = metadataOf(outgoing);
  return {
    ...body,
    input: [{ type: 'message', role: 'user', content: [CONTEXT] }, ...(body.input as unknown[])],
    store: false,
    prompt_cache_key: line.session.uuid,
    client_metadata: shuffled({ ...told, 'x-codex-turn-metadata': JSON.stringify(told) }, line),
  };
}

function wraps(result: string, failed: boolean, { stage: { random } }: Line): string {
  const seconds = `${random.int(0, 9)}.${random.int(1000, 9999)}`;
  return `Chunk ID: ${random.hex(6)}\nWall time: ${seconds} seconds\nProcess exited with code ${failed ? 1 : 0}\nOutput:\n${result}`;
}

export const codex: WireClient = {
  agentId: 'codex',
  clientName: 'codex',
  dialect: 'openai.responses',
  userAgent: 'codex_exec/0.169.0 (Debian 13.0.0; x86_64) xterm (codex_exec; 0.169.0)',
  system: 'You are Codex.',
  model: 'gpt-5-codex',
  servedModel: 'gpt-5-codex',
  streaming: true,
  sessionSource: 'header',
  children: 'thread',
  newConnections: true,
  tools: [
    ...COMMON_TOOLS,
    { name: 'spawn_agent', description: 'Starts an agent.', parameters: ['message'] },
    { name: 'wait_agent', description: 'Waits for an agent.', parameters: ['id'] },
  ],
  spawn: { tool: 'spawn_agent', task: 'message' },
  sessionId: (line) => line.session.uuid,
  headers: (outgoing) => [
    ['originator', 'codex_exec'],
    ['session-id', outgoing.line.session.uuid],
    ['thread-id', outgoing.line.uuid],
    ['x-client-request-id', outgoing.line.uuid],
    ['x-codex-window-id', `${outgoing.line.uuid}:${outgoing.line.window}`],
    ['x-codex-turn-metadata', JSON.stringify(metadataOf(outgoing))],
    ...(outgoing.line.parent === null
      ? []
      : ([
          ['x-codex-parent-thread-id', outgoing.line.parent.uuid],
          ['x-openai-subagent', 'collab_spawn'],
        ] as const)),
  ],
  dress,
  wraps,
  report: (_answer, child) => JSON.stringify({ agent_id: child.uuid, nickname: 'Heron' }),
};

export const CODEX_OPENING =
  'Another language model started to solve this problem and produced a summary of its thinking process.';
