/** Where a connection stands: at its beginning, and where another reader can take it up. */
import type { RolesSource } from '../../schemas/frame.ts';
import type { Tunnel, TunnelState } from './exchange.ts';
import type { Http2Connection, Http2Resume } from './h2/connection.ts';
import type { OpenExchange } from './open-exchange.ts';

/** What the first frame says about a connection's beginning. */
export interface ConnectionStart extends Carried {
  readonly fromStart: boolean;
  readonly rolesSource: RolesSource;
  readonly clientOffset: number;
  readonly serverOffset: number;
  /** Sequence number that the next frame must have. */
  readonly sequence: number;
}

/** Where an HTTP/2 connection can be taken up: streams begin at the offsets, and what is known there. */
export interface Http2Standing {
  readonly resume: Http2Resume;
  /** Client and server are the other way round than the frames say. */
  readonly swapped: boolean;
}

/** What is known of a connection that doesn't speak HTTP/1 where it is taken up. */
export interface Carried {
  /** It speaks HTTP/2, and stands here. */
  readonly http2?: Http2Standing | undefined;
  /** It is a tunnel that is read. */
  readonly tunnel?: TunnelState | undefined;
}

/** Where a connection's streams can be taken up again. `http2`: of one that is `synced`; `tunnel`: of one that is in that state. */
export interface ResumePoint extends Carried {
  /** Stream offsets as the frames count them, gaps included. */
  readonly client: number;
  readonly server: number;
  /** `synced`: a message begins here. `unsynced`: look for one. `ignored`: nothing of interest follows. `tunnel`: another protocol. */
  readonly state: 'synced' | 'unsynced' | 'ignored' | 'tunnel';
}

/** What was read of a connection. */
export interface Standing {
  /** Stream offsets as the frames count them, gaps included. */
  readonly position: { readonly client: number; readonly server: number };
  /** Number that the next frame must have. */
  readonly sequence: number;
}

/** Where an HTTP/2 connection can be taken up. `asked`: the exchange of HTTP/1 that asked for it. */
export function http2Point(http2: Http2Connection, asked: OpenExchange | null, swapped: boolean): ResumePoint {
  // It began as HTTP/1, and must be read from there again.
  if (asked !== null && !(asked.requestDone && asked.responseDone)) {
    return { client: asked.exchange.offset, server: asked.responseOffset, state: 'synced' };
  }
  const { resume } = http2;
  const { clientOffset, serverOffset } = resume;
  const [client, server] = swapped ? [serverOffset, clientOffset] : [clientOffset, serverOffset];
  return { client, server, state: 'synced', http2: { resume, swapped } };
}

/** Behind all of an HTTP/2 connection, which is over. */
export function http2End(http2: Http2Connection, swapped: boolean): ResumePoint {
  return { client: http2.offset(!swapped), server: http2.offset(swapped), state: 'ignored' };
}

/** Where a tunnel can be taken up. The first byte tells whether the frames' sides are the other way round. */
export function tunnelPoint({ standing }: Tunnel, swapped: boolean): ResumePoint {
  const { state } = standing;
  const [client, server] = swapped ? [standing.server, standing.client] : [standing.client, standing.server];
  const tunnel = { encode: (bytesMax: number) => encodeTunnel(state, swapped, bytesMax) };
  return { client, server, state: 'tunnel', tunnel };
}

function encodeTunnel(state: TunnelState, swapped: boolean, bytesMax: number): Buffer {
  const bytes = state.encode(bytesMax - 1);
  return bytes.length === 0 ? bytes : Buffer.concat([Buffer.of(swapped ? 1 : 0), bytes]);
}
