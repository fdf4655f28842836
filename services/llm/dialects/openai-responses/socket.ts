/**
 * Responses over WebSocket: the client sends `response.create` with the members of an HTTP request beside the type, the server
 * its `response.*` events. Few of them name their response: responses in one lane (`stream_id`) are answered in order.
 *
 *     response.create     { model, input, … }; `generate: false` prepares a later request, which names this response
 *     response.steer      { previous_response_id, input }: queued for a response that goes on; the server may then begin a
 *                         successor by itself, whose request this is
 */

import type { Side } from '../../../../schemas/frame.ts';
import { asString } from '../../../common/json.ts';
import { carriedResponse, eventMembers, eventType, memberText } from '../../socket/event.ts';
import type { ClientStep, Conversation, ServerStep, SocketApi } from '../dialect.ts';
import { isCallPath } from './detect.ts';

const ENDS = new Set(['response.completed', 'response.incomplete', 'response.failed', 'response.done', 'error']);
/** Of the events of responses, those that Realtime doesn't have. */
const SERVER_ONLY = new Set(['response.in_progress', 'response.completed', 'response.incomplete', 'response.failed']);
const STEER = 'response.steer.';
const LANE = '"stream_id"';
const NONE: ClientStep = { kind: 'none' };
const NOTHING = Buffer.alloc(0);
/** Queued inputs that are kept, in bytes; the rest isn't told. */
const STEERS_BYTES_MAX = 1024 * 1024;

function laneOf(message: Buffer): string {
  return message.includes(LANE) ? asString(eventMembers(message, ['stream_id']).stream_id) : '';
}

class ResponsesConversation implements Conversation {
  readonly memory = null;
  /** Messages that steer, not taken up by a response yet. */
  #steers: Buffer[] = [];
  #steerBytes = 0;

  get pending(): boolean {
    return this.#steers.length > 0;
  }

  get heldBytes(): number {
    return this.#steerBytes;
  }

  client(message: Buffer): ClientStep {
    const type = eventType(message);
    if (type === 'response.steer') this.#keep(message);
    if (type !== 'response.create') return NONE;
    this.forget();
    const prewarm = eventMembers(message, ['generate']).generate === false;
    return { kind: 'create', body: message, lane: laneOf(message), prewarm };
  }

  server(message: Buffer): ServerStep {
    const type = eventType(message);
    if (type === 'response.steer.failed') this.forget();
    const isOfResponse = (type.startsWith('response.') && !type.startsWith(STEER)) || type === 'error';
    const begins = type === 'response.created';
    const ends = ENDS.has(type);
    const response = begins || ends ? carriedResponse(message) : '';
    return { isOfResponse, response, lane: laneOf(message), begins, ends, event: message };
  }

  /** One message as it was sent; of several the last, with the inputs of all. */
  unasked(): Buffer {
    const steers = this.#steers;
    this.forget();
    if (steers.length < 2) return steers[0] ?? NOTHING;
    const id = memberText(steers.at(-1)!, 'previous_response_id');
    const inputs = steers.map((steer) =>
      memberText(steer, 'input')
        .trim()
        .replace(/^\[(.*)\]$/s, '$1'),
    );
    return Buffer.from(`{"type":"response.steer","previous_response_id":${id || '""'},"input":[${inputs.join(',')}]}`);
  }

  forget(): void {
    this.#steers = [];
    this.#steerBytes = 0;
  }

  #keep(message: Buffer): void {
    if (this.#steerBytes + message.length > STEERS_BYTES_MAX) return;
    this.#steers.push(Buffer.from(message));
    this.#steerBytes += message.length;
  }
}

/** Events that Realtime has as well are told by their numbers. */
function isMessage(side: Side, message: Buffer): boolean {
  const type = eventType(message);
  if (!type.startsWith('response.')) return false;
  if (side === 'server') return SERVER_ONLY.has(type) || memberText(message, 'sequence_number') !== '';
  if (type === 'response.steer') return true;
  const { model, input } = eventMembers(message, ['model', 'input']);
  return type === 'response.create' && (model !== undefined || input !== undefined);
}

export const socket: SocketApi = {
  isPath: isCallPath,
  isMessage,
  sequential: true,
  open: () => new ResponsesConversation(),
};
