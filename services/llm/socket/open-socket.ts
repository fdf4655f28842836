/** From an upgrade to the reader of what follows: calls where a dialect knows the path, else counts alone. */
import type { ConnectionInfo, Exchange, Headers, RequestHead, ResponseHead, Tunnel } from '../../http/exchange.ts';
import { parseExtensions } from '../../websocket/extension.ts';
import type { MessageConsumer } from '../../websocket/message.ts';
import { SOCKET_DEFAULTS } from '../../websocket/options.ts';
import { decodeState } from '../../websocket/state.ts';
import { SocketTunnel } from '../../websocket/tunnel.ts';
import { dialectByName, dialectOfSocket } from '../dialects/registry.ts';
import { SocketSession } from './session.ts';
import type { CallHost, SocketOrigin } from './virtual-call.ts';

/** What a successor must know of the upgrade, as JSON. Credentials in it are fingerprints already. */
interface StoredOrigin {
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

function stored({ dialect, requestHead, responseHead }: SocketOrigin): StoredOrigin {
  const { headers, ...request } = requestHead;
  const { headers: answered, ...response } = responseHead;
  return {
    dialect: dialect.name,
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
  const deflate = parseExtensions(responseHead.headers.get('sec-websocket-extensions') ?? '');
  if (deflate === 'unknown') return null;
  const dialect = dialectOfSocket(requestHead.path);
  const fresh = { synced: true, lossy: false, window: Buffer.alloc(0) };
  const sides = [
    { ...fresh, offset: client },
    { ...fresh, offset: server },
  ] as const;
  if (dialect === null) {
    const setup = { deflate, origin: {}, carriesCalls: false };
    return new SocketTunnel(setup, SOCKET_DEFAULTS, NOBODY, ...sides);
  }
  const origin = { connection, requestHead, responseHead, dialect };
  const setup = { deflate, origin: stored(origin), carriesCalls: true };
  return new SocketTunnel(setup, SOCKET_DEFAULTS, new SocketSession(host, origin, null), ...sides);
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
  const dialect = dialectByName(name);
  if (dialect?.socket === undefined) return null;
  const origin: SocketOrigin = {
    ...{ connection, dialect },
    requestHead: { ...request, headers: new Map(requestHeaders) },
    responseHead: { ...response, headers: new Map(responseHeaders) },
  };
  const session = new SocketSession(host, origin, known.memory);
  const setup = { deflate: known.deflate, origin: known.origin, carriesCalls: true };
  return new SocketTunnel(setup, SOCKET_DEFAULTS, session, known.client, known.server);
}
