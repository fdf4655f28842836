/**
 * The manifest of a capture: what a perfect observer stores for it, call by call, in the column names of ClickHouse's `calls`.
 * Written by the generator and the recorder from what they sent, never from what Bittern read.
 *
 * Rules that the columns alone don't tell:
 * - `request_end` and `response_end` are the last captured byte of the message on the wire, a last chunk and trailers
 *   included; when a side hung up they are the last byte that it sent before.
 * - `first_byte` is the first byte of the final response; interim (1xx) responses don't count.
 * - `first_token` is the last byte of the first SSE event with content. Null without a stream.
 * - A time is that of the first captured packet with the byte. Where packets were reordered the byte may only be readable
 *   later, when all bytes before it have come: `latest` states that moment, and anything between the two is right.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';

export type Value = string | number | boolean | null | readonly string[];

export const TIME_FIELDS = ['request_start', 'request_end', 'first_byte', 'first_token', 'response_end'] as const;
export type TimeField = (typeof TIME_FIELDS)[number];

/** Columns of one call. A column that isn't there is not compared. Times in µs since the epoch. */
export interface CallFacts {
  readonly client_ip: string;
  readonly client_port: number;
  readonly server_ip: string;
  readonly server_port: number;
  /** Planted, unique in the capture; '' = none. */
  readonly request_id: string;
  readonly dialect?: string;
  readonly requested_model?: string;
  readonly model?: string;
  readonly response_id?: string;
  readonly streaming?: boolean;
  readonly status?: number;
  readonly outcome?: string;
  readonly error_type?: string;
  readonly finish_reason?: string;
  readonly completeness?: string;
  readonly missing_bytes?: number;
  readonly agent_id?: string;
  readonly session_id?: string;
  readonly user_id?: string;
  readonly request_start?: number | null;
  readonly request_end?: number | null;
  readonly first_byte?: number | null;
  readonly first_token?: number | null;
  readonly response_end?: number | null;
  readonly input_tokens?: number | null;
  readonly cache_read_tokens?: number | null;
  readonly cache_write_tokens?: number | null;
  readonly output_tokens?: number | null;
  readonly reasoning_tokens?: number | null;
  readonly usage_source?: string;
  readonly tool_names?: readonly string[];
  readonly tool_call_ids?: readonly string[];
  readonly request_bytes?: number;
  readonly response_bytes?: number;
  readonly host?: string;
  readonly path?: string;
  readonly protocol?: string;
}

/**
 * `none`: every byte of the call was captured. `control`: only a SYN, FIN or RST of its connection is missing. `near`: bytes are
 * missing of a call before it that it was pipelined with, so which answer is whose can't be certain: it may be exact or flagged.
 * So may an HTTP/2 call be for which bytes beside its own tell where its frames begin, or what its headers are.
 * `data`: bytes of it are missing.
 */
export type LossKind = 'none' | 'control' | 'near' | 'data';

export interface ExpectedCall {
  readonly type: 'call';
  /** Counts from 0 in the order in which the generator planned them. */
  readonly index: number;
  readonly expected: CallFacts;
  /** Values that are as right as the expected one, by column: what the traffic itself leaves open. */
  readonly either: Readonly<Record<string, readonly Value[]>>;
  readonly latest: Readonly<Partial<Record<TimeField, number>>>;
  readonly loss: LossKind;
  readonly lost_bytes: number;
  /** Decoded body of the request: what a request put together again must equal as JSON. */
  readonly request_body: string;
  /** SHA-256 (hex) of the response's decoded body; '' when it wasn't sent to its end. */
  readonly response_sha256: string;
  readonly response_text: string;
  readonly response_reasoning: string;
  readonly tool_arguments: readonly string[];
}

/** An HTTP exchange that isn't a call. */
export interface ExpectedExchange {
  readonly type: 'exchange';
  readonly index: number;
  readonly expected: {
    readonly client_ip: string;
    readonly client_port: number;
    readonly server_ip: string;
    readonly server_port: number;
    readonly method: string;
    readonly host: string;
    readonly path: string;
    readonly status: number;
    readonly request_bytes: number;
    readonly response_bytes: number;
  };
  readonly loss: LossKind;
  readonly lost_bytes: number;
}

export interface CaptureFacts {
  readonly type: 'capture';
  /** How it was made: the generator's options, or the recorder's clients. */
  readonly source: Readonly<Record<string, unknown>>;
  readonly packets: number;
  /** Packets that were left out of the file on purpose. */
  readonly lost_packets: number;
  readonly connections: number;
  /** Made-up credentials that the traffic carries and that must be found nowhere else. */
  readonly credentials: readonly string[];
}

export interface Manifest {
  readonly capture: CaptureFacts;
  readonly calls: readonly ExpectedCall[];
  readonly exchanges: readonly ExpectedExchange[];
}

/** One JSON object a line: the capture first, then calls and exchanges. */
export async function writeManifest(path: string, manifest: Manifest): Promise<void> {
  const file = createWriteStream(path);
  for (const line of [manifest.capture, ...manifest.calls, ...manifest.exchanges]) {
    file.write(JSON.stringify(line) + '\n');
  }
  file.end();
  await finished(file);
}

export async function readManifest(path: string): Promise<Manifest> {
  let capture: CaptureFacts | null = null;
  const calls: ExpectedCall[] = [];
  const exchanges: ExpectedExchange[] = [];
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const entry = JSON.parse(line) as CaptureFacts | ExpectedCall | ExpectedExchange;
    if (entry.type === 'capture') capture = entry;
    else if (entry.type === 'call') calls.push(entry);
    else exchanges.push(entry);
  }
  if (capture === null) throw new Error(`${path} has no line about the capture: write it again with its generator`);
  return { capture, calls, exchanges };
}
