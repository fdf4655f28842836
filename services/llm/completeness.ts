/**
 * How a call ended and how much of it was seen. Whether it is whole is judged by its API's own end (`message_stop`, a parsed
 * body …), since real clients hang up before HTTP's end; whether bytes are missing, by what the capture missed.
 */
import type { Completeness, Outcome } from '../../schemas/call.ts';
import type { Exchange } from '../http/exchange.ts';

export interface AnswerEnd {
  /** The API's own end was reached. */
  readonly ended: boolean;
  /** An error event inside the stream. */
  readonly streamError: boolean;
  readonly refused: boolean;
  /** One of our limits cut request or response. */
  readonly cut: boolean;
}

/** Bytes of it that the capture missed, as far as known. */
export function missingBytes(exchange: Exchange): number {
  return exchange.request.missingBytes + exchange.response.missingBytes;
}

function isUndecoded(exchange: Exchange): boolean {
  return exchange.request.undecoded !== '' || exchange.response.undecoded !== '';
}

export function outcomeOf(exchange: Exchange, answer: AnswerEnd): Outcome {
  const status = exchange.responseHead?.status ?? 0;
  if (status >= 400) return 'http_error';
  if (answer.streamError) return 'stream_error';
  if (answer.ended) return answer.refused ? 'refused' : 'ok';
  switch (exchange.end) {
    case 'client_close':
      return 'client_abort';
    case 'server_close':
      return 'upstream_abort';
    case 'timeout':
      return 'timeout';
    case 'complete': {
      // HTTP says that this is all. If we saw all of it, the server left the rest out.
      const lost = missingBytes(exchange) > 0 || isUndecoded(exchange) || answer.cut || exchange.uncertain;
      return lost || exchange.response.state === 'lost' ? 'partial_capture' : 'upstream_abort';
    }
    default:
      return 'partial_capture';
  }
}

/** Worst first: what the request's beginning lacks can't be made good by anything behind it. */
export function completenessOf(exchange: Exchange, answer: AnswerEnd): Completeness {
  const { request, response, end } = exchange;
  if (exchange.requestHead === null || exchange.requestHead.partial) return 'head_missing';
  if (exchange.responseHead?.partial) return 'head_missing';
  if (missingBytes(exchange) > 0 || exchange.uncertain || end === 'gap') return 'gap';
  if (answer.cut || isUndecoded(exchange) || end === 'limit') return 'truncated';
  const open = request.state === 'open' || request.state === 'lost' || request.state === 'none';
  // HTTP's end is still to come and nobody was seen to hang up: what the capture missed may have been sent.
  const unended = !answer.ended || response.state === 'open' || response.state === 'lost';
  if (end === 'capture_end') return unended || open ? 'tail_missing' : 'full';
  if (request.state === 'lost' || response.state === 'lost') return 'gap';
  if (end === 'timeout' && unended) return 'tail_missing';
  return 'full';
}
