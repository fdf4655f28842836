/** From an upgrade to the reader of what follows: calls where a dialect knows the path, else counts alone. */
import type { ConnectionInfo, Exchange, Headers, RequestHead, ResponseHead, Tunnel } from '../../http/exchange.ts';
import { parseExtensions } from '../../websocket/extension.ts';
import type { MessageConsumer } from '../../websocket/message.ts';
import type { DirectionState } from '../../websocket/message-reader.ts';
import { SOCKET_DEFAULTS } from '../../websocket/options.ts';
import { decodeState } from '../../websocket/state.ts';
import { SocketTunnel } from '../../websocket/tunnel.ts';
import { dialectByName, dialectOfSocket } from '../dialects/registry.ts';
import { JoinedSession, unseenHeads } from './joined-session.ts';
import { SocketSession } from './session.ts';
import type { CallHost, SocketOrigin } from './virtual-call.ts';

/** What a successor must know of the upgrade, as JSON. Credentials in it are fingerprints already. */
interface StoredOrigin {
  /** '': a message tells. */
  readonly dialect: string;
  readonly request: Omit<RequestHead, 'headers'>;
  readonly requestHeaders: readonly (readonly [string, string])[];
  readonly response: Omit<ResponseHead, 'headers'>;
  readonly responseHeaders: readonly (readonly [string, string])[];
}

/** Longer header values aren't told: nothing that is read of a head is that long. */
const TOLD_VALUE_CHARS_MAX = 4096;

const NOBODY: MessageConsumer = {
  busy: false,
  open: 0,
  heldBytes: 0,
  memory: null,
  readBy: () => {},
  message: () => {},
  lost: () => {},
  end: () => {},
};

function told(headers: Headers): readonly (readonly [string, string])[] {
  return [...headers].filter(([, value]) => value.length <= TOLD_VALUE_CHARS_MAX);
}

function stored({ requestHead, responseHead }: Omit<SocketOrigin, 'dialect'>, dialect: string): StoredOrigin {
  const { headers, ...request } = requestHead;
  const { headers: answered, ...response } = responseHead;
  return {
    dialect,
    request,
    requestHeaders: told(headers),
    response,
    responseHeaders: told(answered),
  };
}

/** Null: it isn't WebSocket, or nothing can be said about its frames. */
export function openSocket(exchange: Exchange, client: number, server: number, host: CallHost): Tunnel | null {
  const { requestHead, responseHead, connection, upgrade } = exchange;
  if (requestHead === null || responseHead === null || upgrade?.protocol !== 'websocket') return null;
  const agreed = responseHead.headers.get('sec-websocket-extensions');
  const deflate = agreed === undefined && responseHead.partial ? 'unknown' : parseExtensions(agreed ?? '');
  if (deflate === 'unknown' && agreed !== undefined) return null;
  const heads = { connection, requestHead, responseHead };
  const sides = [beginning(client, true), beginning(server, true)] as const;
  const dialect = dialectOfSocket(requestHead.path);
  if (dialect !== null) {
    const origin = { ...heads, dialect };
    const setup = { deflate, origin: stored(heads, dialect.name), carriesCalls: true };
    return new SocketTunnel(setup, SOCKET_DEFAULTS, new SocketSession(host, origin, null), ...sides);
  }
  // HTTP/2: some of its fields aren't known.
  if (requestHead.path === '' && requestHead.partial) {
    const setup = { deflate, origin: stored(heads, ''), carriesCalls: true };
    return new SocketTunnel(setup, SOCKET_DEFAULTS, new JoinedSession(host, heads, null), ...sides);
  }
  const setup = { deflate, origin: {}, carriesCalls: false };
  return new SocketTunnel(setup, SOCKET_DEFAULTS, NOBODY, ...sides);
}

/** Of a WebSocket that is joined in its middle. */
export function joinSocket(
  connection: ConnectionInfo,
  client: number,
  server: number,
  version: '1.1' | '2',
  host: CallHost,
): Tunnel {
  const heads = { connection, ...unseenHeads(version) };
  const setup = { deflate: 'unknown', origin: stored(heads, ''), carriesCalls: true } as const;
  const sides = [beginning(client, false), beginning(server, false)] as const;
  return new SocketTunnel(setup, SOCKET_DEFAULTS, new JoinedSession(host, heads, null), ...sides);
}

function beginning(offset: number, synced: boolean): DirectionState {
  return { offset, synced, lossy: !synced, window: Buffer.alloc(0) };
}

/** @throws BitternError BIT_CHECKPOINT_UNREADABLE */
export function resumeSocket(
  connection: ConnectionInfo,
  client: number,
  server: number,
  state: Buffer,
  host: CallHost,
): Tunnel | null {
  const known = decodeState(state, client, server);
  const { dialect: name, request, requestHeaders, response, responseHeaders } = known.origin as StoredOrigin;
  const heads = {
    connection,
    requestHead: { ...request, headers: new Map(requestHeaders) },
    responseHead: { ...response, headers: new Map(responseHeaders) },
  };
  const dialect = dialectByName(name);
  if (name !== '' && dialect?.socket === undefined) return null;
  const session =
    dialect === null
      ? new JoinedSession(host, heads, known.memory)
      : new SocketSession(host, { ...heads, dialect }, known.memory);
  const setup = { deflate: known.deflate, origin: known.origin, carriesCalls: true };
  return new SocketTunnel(setup, SOCKET_DEFAULTS, session, known.client, known.server);
}
