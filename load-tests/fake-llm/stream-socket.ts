/**
 * WebSockets on streams of HTTP/2 (RFC 8441), of which the `ws` package speaks the frames and Node's http2 the rest: what ws does
 * at an upgrade of HTTP/1 is done here.
 */
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { createRequire } from 'node:module';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { FakeDeflate } from './socket.ts';

interface Deflate {
  accept(configurations: readonly object[]): Readonly<Record<string, unknown>>;
  offer(): Readonly<Record<string, unknown>>;
}

interface Extension {
  parse(header: string): Readonly<Record<string, readonly object[]>>;
  format(extensions: object): string;
}

/** Parts of `ws` that its types leave out. */
const require = createRequire(import.meta.url);
const { PerMessageDeflate } = require('ws') as { readonly PerMessageDeflate: new (options: object) => Deflate };
const extension = require(require.resolve('ws').replace(/(wrapper|index)\.m?js$/, 'lib/extension.js')) as Extension;
const DEFLATE = 'permessage-deflate';
const PAYLOAD_BYTES_MAX = 64 * 1024 * 1024;

/** A WebSocket whose frames `stream` carries. `deflate`: as agreed on, or null. */
function socketOn(stream: Duplex, isServer: boolean, deflate: Deflate | null): WebSocket {
  const socket = new WebSocket(null as never, undefined, { autoPong: true } as never) as WebSocket & {
    _isServer: boolean;
    _extensions: Record<string, Deflate>;
    setSocket(stream: Duplex, head: Buffer, options: object): void;
  };
  socket._isServer = isServer;
  if (deflate !== null) socket._extensions[DEFLATE] = deflate;
  socket.setSocket(stream, Buffer.alloc(0), { maxPayload: PAYLOAD_BYTES_MAX, allowSynchronousEvents: true });
  return socket;
}

function offered(headers: IncomingHttpHeaders): readonly object[] | undefined {
  const header = headers['sec-websocket-extensions'];
  return header === undefined ? undefined : extension.parse(String(header))[DEFLATE];
}

/** Answers an extended CONNECT. */
export function acceptSocket(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, agreed: FakeDeflate): WebSocket {
  const offers = offered(headers);
  if (offers === undefined || agreed === false) {
    stream.respond({ ':status': 200 });
    return socketOn(stream, true, null);
  }
  const deflate = new PerMessageDeflate({ ...agreed, isServer: true, maxPayload: PAYLOAD_BYTES_MAX });
  const told = extension.format({ [DEFLATE]: [deflate.accept(offers)] });
  stream.respond({ ':status': 200, 'sec-websocket-extensions': told });
  return socketOn(stream, true, deflate);
}

/** Opens a WebSocket on a stream of its own. The server must have said that it takes them. */
export async function openSocket(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>>,
  compressed: boolean,
): Promise<WebSocket> {
  const deflate = compressed
    ? new PerMessageDeflate({ isServer: false, maxPayload: PAYLOAD_BYTES_MAX, threshold: 0 })
    : null;
  const offer =
    deflate === null ? {} : { 'sec-websocket-extensions': extension.format({ [DEFLATE]: [deflate.offer()] }) };
  const pseudo = { ':method': 'CONNECT', ':protocol': 'websocket', ':path': path, ':scheme': 'http' };
  const stream: ClientHttp2Stream = session.request(
    { ...pseudo, 'sec-websocket-version': '13', ...headers, ...offer },
    { endStream: false },
  );
  const answer = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
  });
  const taken = offered(answer);
  if (taken !== undefined) deflate?.accept(taken);
  return socketOn(stream, false, taken === undefined ? null : deflate);
}
