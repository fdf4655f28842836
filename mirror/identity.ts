/** A connection's addresses as text and its id: made once a connection. */
import { hash } from 'node:crypto';
import type { Endpoint } from '../schemas/frame.ts';
import type { ConnectionId } from '../services/common/types.ts';
import { CLIENT_B, type Connection } from './tcp/connection.ts';

export interface Identity {
  readonly id: ConnectionId;
  readonly client: Endpoint;
  readonly server: Endpoint;
}

/**
 * 128 bits of SHA-256 over network, addresses, ports and the client's initial sequence number; for a connection that was joined
 * in the middle over the first sequence number seen and its time instead. The same capture gives the same ids.
 */
export function identify(c: Connection, network: string): Identity {
  const a = { address: addressText(c.version, c.a0, c.a1, c.a2, c.a3), port: c.aPort };
  const b = { address: addressText(c.version, c.b0, c.b1, c.b2, c.b3), port: c.bPort };
  const [client, server] = c.client === CLIENT_B ? [b, a] : [a, b];
  const start = c.handshake ? `isn ${c.isn >>> 0}` : `joined ${c.isn >>> 0} ${c.firstTime}`;
  const text = `${network}
${client.address} ${client.port}
${server.address} ${server.port}
${start}`;
  return { id: hash('sha256', text, 'hex').slice(0, 32) as ConnectionId, client, server };
}

function addressText(version: number, w0: number, w1: number, w2: number, w3: number): string {
  if (version === 4) return `${w3 >>> 24}.${(w3 >>> 16) & 255}.${(w3 >>> 8) & 255}.${w3 & 255}`;
  return ipv6Text([w0, w1, w2, w3]);
}

/** RFC 5952 section 4: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as "::". */
export function ipv6Text(words: readonly number[]): string {
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  // Section 5: an IPv4-mapped address is written with dots.
  if (words[0] === 0 && words[1] === 0 && words[2] === 0xffff) {
    return `::ffff:${addressText(4, 0, 0, 0, words[3]!)}`;
  }
  const [start, length] = longestZeroRun(groups);
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

function longestZeroRun(groups: readonly number[]): readonly [number, number] {
  let best = 0;
  let bestLength = 0;
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (end < groups.length && groups[end] === 0) end++;
    if (end - start > bestLength) {
      best = start;
      bestLength = end - start;
    }
  }
  return [best, bestLength];
}
