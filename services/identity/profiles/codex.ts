import { asObject, asString, type JsonObject, parseJson } from '../../common/json.ts';
import { type ClientProfile, header, type ProfileFacts, type ProfileInput } from './profile.ts';

/** The same facts stand in a header and, as JSON in a string or as members, in the body. */
function turnMetadata(input: ProfileInput): JsonObject {
  const client = asObject(input.body.client_metadata);
  const text = header(input, 'x-codex-turn-metadata') || asString(client?.['x-codex-turn-metadata']);
  return { ...client, ...asObject(parseJson(text)) };
}

const KINDS = { compaction: 'compaction', prewarm: 'prewarm' } as const;

function read(input: ProfileInput): ProfileFacts {
  const told = turnMetadata(input);
  const sessionId =
    header(input, 'session-id') ||
    header(input, 'session_id') ||
    asString(told.session_id) ||
    asString(input.body.prompt_cache_key);
  const thread = header(input, 'thread-id') || asString(told.thread_id);
  const parentThread = header(input, 'x-codex-parent-thread-id') || asString(told.parent_thread_id);
  const turn = asString(told.root_turn_id) || asString(told.turn_id);
  const request = asString(told.request_kind);
  const isSubagent =
    header(input, 'x-openai-subagent') !== '' || asString(told.subagent_kind) !== '' || parentThread !== '';
  const kind = request === 'compaction' || request === 'prewarm' ? KINDS[request] : isSubagent ? 'subagent' : 'main';
  return { sessionId, thread, parentThread, turn: kind === 'prewarm' ? '' : turn, kind };
}

export const codex: ClientProfile = {
  name: 'codex',
  userAgents: ['codex_exec', 'codex_cli_rs', 'codex-tui', 'codex_vscode'],
  claims: (input) => header(input, 'originator').startsWith('codex'),
  read,
};
