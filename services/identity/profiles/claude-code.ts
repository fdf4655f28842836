import { asObject, asString, parseJson } from '../../common/json.ts';
import { type ClientProfile, header, type ProfileFacts, type ProfileInput } from './profile.ts';

const COMPACTION = [
  'CRITICAL: Respond with TEXT ONLY',
  'Your task is to create a detailed summary of the conversation',
];

/** `metadata.user_id` is JSON in a string; older releases have `user_HASH_account_UUID_session_UUID`. */
function sessionIn(body: ProfileInput['body']): string {
  const text = asString(asObject(body.metadata)?.user_id);
  if (text.startsWith('{')) return asString(asObject(parseJson(text))?.session_id);
  const marker = text.lastIndexOf('_session_');
  return marker > 0 ? text.slice(marker + '_session_'.length) : '';
}

function read(input: ProfileInput): ProfileFacts {
  const sessionId = header(input, 'x-claude-code-session-id') || sessionIn(input.body);
  const thread = header(input, 'x-claude-code-agent-id');
  const parentThread = header(input, 'x-claude-code-parent-agent-id');
  if (COMPACTION.some((beginning) => input.note.startsWith(beginning))) {
    return { sessionId, thread: thread || 'main', parentThread, kind: 'compaction' };
  }
  // Releases that name no subagent mark it in the first line of its system prompt; told apart by content then.
  const marked = input.systemText.includes('cc_is_subagent=true');
  if (thread !== '' || marked) return { sessionId, thread, parentThread: parentThread || 'main', kind: 'subagent' };
  if (input.offeredTools.length === 0) {
    const format = asObject(asObject(input.body.output_config)?.format);
    return { sessionId, kind: format === null && !/title/i.test(input.systemText) ? 'auxiliary' : 'title' };
  }
  return { sessionId, thread: 'main', kind: 'main' };
}

/** Claude Code and what is built on its agent SDK. Behind a gateway its own headers go through, its user agent doesn't. */
export const claudeCode: ClientProfile = {
  name: 'claude-code',
  userAgents: ['claude-cli', 'claude-code'],
  claims: (input) =>
    input.headers.has('x-claude-code-session-id') || input.systemText.startsWith('x-anthropic-billing-header: cc_'),
  read,
};
