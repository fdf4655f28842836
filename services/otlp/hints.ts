/** What an operator can do about a receiver that refuses whatever is sent. */
import type { Encoding } from './encoding.ts';
import type { Signal } from './messages.ts';

/** '' or a part of a sentence that begins with a colon. */
export function hintOf(status: number, signal: Signal, encoding: Encoding): string {
  if (status >= 300 && status < 400) return ': set otlp.endpoint to where it redirects to';
  switch (status) {
    case 400:
    case 422:
      return ', to a request without data as well: check scheme and port of otlp.endpoint, and otlp.encoding';
    case 401:
    case 403:
      return ': check the credentials (otlp.headersFile, otlp.headersVariable)';
    case 404:
    case 405:
    case 501:
      return `: check the path in otlp.endpoint; if it takes no ${signal}, set otlp.${signal}: false`;
    case 415:
      return `: set otlp.encoding: ${encoding === 'json' ? 'protobuf' : 'json'}`;
    default:
      return '';
  }
}
