/**
 * What carried an exchange: which HTTP, by the names that ALPN has for them (RFC 7301 and IANA's registry), or WebSocket, over
 * HTTP/1.1 or on a stream of HTTP/2.
 */
import type { Exchange } from './exchange.ts';

/** '' when neither head was seen. */
export type Protocol = '' | 'http/1.0' | 'http/1.1' | 'h2' | 'websocket' | 'websocket/h2';

/** A request that asked for HTTP/2 (`Upgrade: h2c`) and got it was answered by it. */
export function protocolOf({ protocol, requestHead, responseHead }: Exchange): Protocol {
  if (protocol !== undefined) return protocol;
  if (responseHead?.version === '2') return 'h2';
  const version = requestHead?.version ?? responseHead?.version;
  if (version === undefined) return '';
  return version === '2' ? 'h2' : `http/${version}`;
}
