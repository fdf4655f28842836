/**
 * Responses over WebSocket: the client sends `response.create` with the members of an HTTP request beside the type, the
 * server its `response.*` events, without naming the response in each: one is answered at a time, in order. `generate: false`
 * prepares the context of a later request, which names the (empty) response by `previous_response_id`.
 */
import { eventMembers, eventType } from '../../socket/event.ts';
import type { ClientStep, Conversation, ServerStep, SocketApi } from '../dialect.ts';
import { isCallPath } from './detect.ts';

const ENDS = new Set(['response.completed', 'response.incomplete', 'response.failed', 'response.done', 'error']);
const NONE: ClientStep = { kind: 'none' };
const NOTHING = Buffer.alloc(0);

function client(message: Buffer): ClientStep {
  if (eventType(message) !== 'response.create') return NONE;
  return { kind: 'create', body: message, prewarm: eventMembers(message, ['generate']).generate === false };
}

function server(message: Buffer): ServerStep {
  const type = eventType(message);
  const isOfResponse = type.startsWith('response.') || type === 'error';
  return {
    response: isOfResponse ? '' : null,
    begins: type === 'response.created',
    ends: ENDS.has(type),
    event: message,
  };
}

/** All that is known is in the messages themselves. */
const CONVERSATION: Conversation = {
  pending: false,
  heldBytes: 0,
  memory: null,
  client,
  server,
  unasked: () => NOTHING,
};

export const socket: SocketApi = { isPath: isCallPath, sequential: true, open: () => CONVERSATION };
