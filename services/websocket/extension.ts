/**
 * What the server agreed to in `sec-websocket-extensions` of its 101 (RFC 6455 section 9.1, RFC 7692 section 7.1):
 *
 *     extensions = extension *( "," extension )      extension = name *( ";" parameter [ "=" value ] )
 *
 * Of the parameters only those are kept that change how messages are read. A direction's window size isn't among them: the
 * largest window reads what was written with any smaller one.
 */

/** What one side's messages may be: null not compressed; true with references to the ones before. */
export type Context = boolean | null | 'unknown';

/** Of both sides. `unknown`: the upgrade wasn't seen. */
export function contextsOf(deflate: Deflate | null | 'unknown'): {
  readonly client: Context;
  readonly server: Context;
} {
  if (deflate === 'unknown') return { client: deflate, server: deflate };
  return { client: deflate?.clientContext ?? null, server: deflate?.serverContext ?? null };
}

/** permessage-deflate as agreed: whether a direction's messages refer back to the ones before. */
export interface Deflate {
  readonly clientContext: boolean;
  readonly serverContext: boolean;
}

/** Null: none. `unknown`: one that isn't known, so that nothing can be said about the frames. */
export function parseExtensions(value: string): Deflate | null | 'unknown' {
  let deflate: Deflate | null = null;
  for (const extension of value.split(',')) {
    const [name = '', ...parameters] = extension.split(';').map((part) => part.trim().toLowerCase());
    if (name === '') continue;
    if (name !== 'permessage-deflate' || deflate !== null) return 'unknown';
    deflate = {
      clientContext: !parameters.includes('client_no_context_takeover'),
      serverContext: !parameters.includes('server_no_context_takeover'),
    };
  }
  return deflate;
}
