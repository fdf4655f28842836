/** What the fake server keeps of every request: the truth that stored calls are compared with. */
import type { DialectName, Reply } from '../dialects/dialect.ts';
import type { Scenario } from './scenario.ts';
import type { SeenRequest } from './seen-request.ts';

export interface SentEvent {
  /** µs since the epoch, by the server's clock. */
  readonly time: number;
  readonly data: string;
  readonly token: boolean;
  /** The API's own end. */
  readonly end: boolean;
}

export interface Served {
  /** Null: not a request for an LLM. */
  readonly dialect: DialectName | null;
  readonly clientPort: number;
  readonly serverPort: number;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As it came, before content decoding. */
  readonly requestBytes: number;
  readonly requestBody: string;
  readonly request: SeenRequest | null;
  readonly scenario: Scenario | null;
  /** Sent as `request-id` and `x-request-id`. */
  readonly requestId: string;
  reply: Reply | null;
  errorType: string;
  status: number;
  /** Before content encoding. */
  responseBody: Buffer;
  /** After content encoding, before transfer encoding. */
  responseBytes: number;
  readonly events: SentEvent[];
  /** `client_abort`: the client hung up before the API's end. */
  end: 'open' | 'complete' | 'client_abort' | 'upstream_abort';
}

/** One response that was asked for over a WebSocket. */
export interface SocketServed {
  readonly dialect: 'openai.responses' | 'openai.realtime';
  /** Text of the message that asked for it; '' = the server answered by itself. */
  readonly requestBody: string;
  readonly request: SeenRequest | null;
  readonly isPrewarm: boolean;
  readonly previousResponseId: string;
  reply: Reply | null;
  readonly realtimeId?: string;
  errorType: string;
  readonly events: { readonly time: number; readonly data: string; readonly token: boolean }[];
  /** `failed`: by an event that says so. `aborted`: the server hung up. */
  end: 'open' | 'complete' | 'failed' | 'aborted';
}
