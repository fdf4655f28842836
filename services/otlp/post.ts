/** One POST of a gzipped body to the receiver, over connections that are kept. */
import http from 'node:http';
import https from 'node:https';
import { BitternError } from '../common/errors.ts';

/** What is read of an answer; the rest is not looked at. */
const ANSWER_BYTES_MAX = 65_536;
/** One for each signal. */
const SOCKETS_MAX = 3;

export interface Answer {
  readonly status: number;
  readonly retryAfter: string;
  readonly contentType: string;
  readonly body: Buffer;
}

/** @throws when there is no answer */
export type Post = (path: string, body: Buffer, signal: AbortSignal) => Promise<Answer>;

export interface Receiver {
  /** `https://host:port/base`. */
  readonly endpoint: string;
  /** Credentials among them: never told. */
  readonly headers: ReadonlyMap<string, string>;
  readonly contentType: string;
  /** PEM; null: the system's authorities. */
  readonly ca: Buffer | null;
  readonly timeoutMs: number;
  readonly userAgent: string;
}

export function postTo(receiver: Receiver): { readonly post: Post; close(): void } {
  const base = new URL(receiver.endpoint);
  const tls = base.protocol === 'https:';
  const settings = { keepAlive: true, maxSockets: SOCKETS_MAX };
  const agent = tls
    ? new https.Agent({ ...settings, ...(receiver.ca === null ? {} : { ca: receiver.ca }) })
    : new http.Agent(settings);
  const prefix = base.pathname.replace(/\/+$/, '');
  const post: Post = (path, body, signal) =>
    new Promise((resolve, rejectWith) => {
      const timeout = AbortSignal.timeout(receiver.timeoutMs);
      const reject = (error: unknown): void => rejectWith(timeout.aborted ? silent(receiver.timeoutMs) : error);
      const options = {
        method: 'POST',
        agent,
        signal: AbortSignal.any([signal, timeout]),
        headers: {
          ...Object.fromEntries(receiver.headers),
          'user-agent': receiver.userAgent,
          'content-type': receiver.contentType,
          'content-encoding': 'gzip',
          'content-length': body.length,
        },
      };
      const request = (tls ? https : http).request(new URL(prefix + path, base), options, (response) => {
        read(response).then(
          (bytes) =>
            resolve({
              status: response.statusCode ?? 0,
              retryAfter: response.headers['retry-after'] ?? '',
              contentType: response.headers['content-type'] ?? '',
              body: bytes,
            }),
          reject,
        );
      });
      request.on('error', reject);
      request.end(body);
    });
  return { post, close: () => agent.destroy() };
}

function silent(ms: number): BitternError {
  return new BitternError('BIT_OTLP_TIMEOUT', `the receiver did not answer within ${ms} ms`);
}

async function read(response: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
