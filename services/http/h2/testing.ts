/** For tests: a real HTTP/2 client and server (Node's) with a wire between them that remembers every byte. */
import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer, type Http2Server, type ServerOptions } from 'node:http2';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import type { Step } from '../testing.ts';

export interface Wire {
  readonly url: string;
  /** What passed so far, in order. */
  readonly steps: readonly Step[];
  close(): Promise<void>;
}

/** Passes connections on to `port`, and keeps what passes of all of them together: for one connection at a time. */
export async function openWire(port: number): Promise<Wire> {
  const steps: Step[] = [];
  const sockets = new Set<Socket>();
  const proxy = createTcpServer((near) => {
    const far = connectTcp(port, '127.0.0.1');
    for (const [from, to, side] of [
      [near, far, 'client'],
      [far, near, 'server'],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes: Buffer) => {
        steps.push({ side, bytes: Buffer.from(bytes) });
        to.write(bytes);
      });
      from.on('end', () => {
        steps.push({ side, kind: 'fin' });
        to.end();
      });
      from.on('error', () => {
        steps.push({ side, kind: 'rst' });
        to.destroy();
      });
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    steps,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}

/** Runs `work` with a session of Node's client against `serve`, and returns what passed between them. */
export async function recordSession(
  serve: (server: Http2Server) => void,
  work: (session: ClientHttp2Session) => Promise<void>,
  options: { readonly server?: ServerOptions; readonly client?: Parameters<typeof connect>[1] } = {},
): Promise<readonly Step[]> {
  const server = createServer(options.server ?? {});
  serve(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const wire = await openWire((server.address() as AddressInfo).port);
  const session = connect(wire.url, options.client as object);
  try {
    await work(session);
  } finally {
    session.destroy();
    await once(session, 'close');
    await wire.close();
    await new Promise((resolve) => server.close(resolve));
  }
  return wire.steps;
}

/** One request with its answer, read to the end. */
export async function exchange(
  session: ClientHttp2Session,
  headers: Record<string, string>,
  body: string | Buffer,
): Promise<{ readonly status: number; readonly body: Buffer }> {
  const stream = session.request(headers, { endStream: body.length === 0 });
  if (body.length > 0) stream.end(body);
  const parts: Buffer[] = [];
  const [answer] = (await once(stream, 'response')) as [{ ':status'?: number }];
  for await (const part of stream) parts.push(part as Buffer);
  return { status: answer[':status'] ?? 0, body: Buffer.concat(parts) };
}

/** One frame (RFC 9113 section 4.1). */
export function frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const content = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const head = Buffer.alloc(9);
  head.writeUIntBE(content.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, content]);
}

/** Literals that touch no table. */
export function block(fields: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(fields).flatMap(([name, value]) => [
      Buffer.of(0, name.length),
      Buffer.from(name),
      Buffer.of(value.length),
      Buffer.from(value),
    ]),
  );
}

export const asks = (stream: number, fields: Readonly<Record<string, string>> = {}, flags = 5): Buffer =>
  frame(1, flags, stream, block({ ':method': 'POST', ':path': `/${stream}`, ...fields }));
export const answers = (stream: number, fields: Readonly<Record<string, string>> = {}, flags = 4): Buffer =>
  frame(1, flags, stream, block({ ':status': '200', ...fields }));
export const data = (stream: number, text: string, last = false): Buffer => frame(0, last ? 1 : 0, stream, text);
