/** An exchange while it is open, with what only the HTTP layer needs to know of it. */

import type { ContentDecoder } from './content-decoding.ts';
import type {
  ConnectionInfo,
  Exchange,
  ExchangeEnd,
  Message,
  MessageState,
  RequestHead,
  ResponseHead,
} from './exchange.ts';

/** What an open exchange weighs, for the memory limit: heads as strings, two messages, a consumer. An estimate. */
export const OPEN_EXCHANGE_BYTES = 4096;

export function emptyMessage(): Message {
  return { state: 'none', bodyBytes: 0, missingBytes: 0, start: null, bodyStart: null, end: null, undecoded: '' };
}

/** The message's head was read: its first byte came at `start`, its last one at `end`. */
export function begun(message: Message, start: number, end: number): void {
  message.state = 'open';
  message.start = start;
  message.end = end;
}

export class OpenExchange {
  readonly exchange: Exchange;
  /** The server's stream offset when the request's head was read: bytes beyond it may be the answer. */
  readonly serverOffset: number;
  /** Where the server's stream began to answer, interim responses included; -1 while it hasn't. */
  responseOffset = -1;
  /** How often the client's direction had lost sync before the request. */
  clientLosses = 0;
  /** It was told of before its end: nothing waits for it any more. */
  told = false;
  requestDone = false;
  responseDone = false;
  /** How the exchange ends once its request ends, too. */
  plannedEnd: ExchangeEnd = 'complete';
  requestDecoder: ContentDecoder | null = null;
  responseDecoder: ContentDecoder | null = null;

  constructor(connection: ConnectionInfo, offset: number, requestHead: RequestHead | null, serverOffset: number) {
    this.serverOffset = serverOffset;
    this.exchange = createExchange(connection, offset, requestHead);
  }

  get decoders(): number {
    return (this.requestDecoder === null ? 0 : 1) + (this.responseDecoder === null ? 0 : 1);
  }
}

function createExchange(connection: ConnectionInfo, offset: number, requestHead: RequestHead | null): Exchange {
  const responseHead: ResponseHead | null = null;
  return {
    connection,
    offset,
    requestHead,
    responseHead,
    request: emptyMessage(),
    response: emptyMessage(),
    interim: [],
    end: null,
    uncertain: false,
    upgrade: null,
    grpc: null,
  };
}

/** The state of a message that was going on when its exchange ended for this reason. */
export function unfinishedState(end: ExchangeEnd): MessageState {
  switch (end) {
    case 'client_close':
    case 'server_close':
    case 'complete':
      return 'cut';
    case 'timeout':
    case 'limit':
      return 'open';
    case 'capture_end':
    case 'gap':
      return 'lost';
  }
}
