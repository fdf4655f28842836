/** What the WebSocket layer tells the layer above: whole messages, and what it couldn't read. */
import type { Side } from '../../schemas/frame.ts';
import type { Micros } from '../common/types.ts';

/**
 * Why a message's bytes aren't all there. `gap`: some weren't captured. `limit`: one of our limits. `damage`: they can't be
 * inflated. `context`: they refer to a message that wasn't read. `cut`: the connection ended in the middle.
 */
export type MessageProblem = '' | 'gap' | 'limit' | 'damage' | 'context' | 'cut';

export interface SocketMessage {
  readonly side: Side;
  readonly isText: boolean;
  /** Unmasked and inflated, up to the first hole. A view that is only valid during the call. */
  readonly data: Buffer;
  readonly problem: MessageProblem;
  /** Stream offset of the first frame's head. */
  readonly offset: number;
  /** First byte of the first frame's head, last byte of the last frame. */
  readonly start: Micros;
  readonly end: Micros;
  /** Payload as it was sent. */
  readonly wireBytes: number;
  readonly missingBytes: number;
}

/** Takes one connection's messages in the order in which they were complete. Never throws. */
export interface MessageConsumer {
  /** Something is open that began with an earlier message. */
  readonly busy: boolean;
  /** Of what is open. */
  readonly open: number;
  readonly heldBytes: number;
  /** Whether calls may be among them, where only they tell. */
  readonly carriesCalls?: boolean;
  /** What a successor must know of what came before, while nothing is open. JSON. */
  readonly memory: object | null;
  /** What follows was seen by this probe; a message by the one that brought its end. */
  readBy(probe: string): void;
  message(message: SocketMessage): void;
  /** Messages of this side may be missing; `missing` bytes for sure. */
  lost(side: Side, missing: number): void;
  /** What is open ends here. */
  end(reason: 'client_close' | 'server_close' | 'timeout' | 'capture_end' | 'limit'): void;
}
