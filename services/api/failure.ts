/**
 * What the API answers when it can't answer: always `{"error":{"code","message"}}`, with a code that programs may rely on,
 * and never a word of the store, its statements or this program's inside.
 */
import type { FastifyError } from 'fastify';
import { BitternError } from '../common/errors.ts';

export const STATUS = {
  bad_request: 400,
  unauthorized: 401,
  not_found: 404,
  method_not_allowed: 405,
  /** The call is there, but not all of its contents: their retention has ended. */
  content_missing: 410,
  /** Asked for by a name that isn't this machine's loopback. */
  wrong_host: 421,
  /** A head above the limit of `API_DEFAULTS`. */
  too_large: 431,
  /** A body above it. */
  body_too_large: 413,
  /** A body of another type than JSON. */
  not_json: 415,
  /** It has the right form, and asks for what can't be. */
  unprocessable: 422,
  timeout: 408,
  internal: 500,
  store_unavailable: 503,
  /** It took longer than `API_DEFAULTS.querySecondsMax`. */
  store_timeout: 503,
  /** All places for live updates are taken. */
  too_many_streams: 503,
} as const;

export type FailureCode = keyof typeof STATUS;

export class ApiFailure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ApiFailure';
    this.code = code;
  }

  get status(): number {
    return STATUS[this.code];
  }

  /** The body of the answer. */
  get body(): { readonly error: { readonly code: FailureCode; readonly message: string } } {
    return { error: { code: this.code, message: this.message } };
  }
}

/** Any error of a request as what may be told of it. */
export function failureOf(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  if (error instanceof BitternError && error.code === 'BIT_CONTENT_MISSING')
    return new ApiFailure('content_missing', error.message, { cause: error });
  if (error instanceof BitternError && (error.code === 'BIT_MATCHER' || error.code === 'BIT_SILENCE'))
    return new ApiFailure('unprocessable', error.message, { cause: error });
  const { statusCode } = error as Partial<FastifyError>;
  if (statusCode === 413)
    return new ApiFailure('body_too_large', 'The body is larger than this route takes.', { cause: error });
  if (statusCode === 414)
    return new ApiFailure('too_large', 'The request is larger than this API takes.', { cause: error });
  if (statusCode === 415) return new ApiFailure('not_json', 'A body must be application/json.', { cause: error });
  if (statusCode !== undefined && statusCode < 500)
    return new ApiFailure('bad_request', 'The request is not well-formed HTTP for this API.', { cause: error });
  return new ApiFailure('internal', 'The request could not be answered: an error in Bittern, told in its own output.', {
    cause: error,
  });
}

/** For errors below HTTP, where there is no request yet; `code` is that of Node's HTTP parser. */
export function parserFailure(code: string | undefined): ApiFailure {
  if (code === 'HPE_HEADER_OVERFLOW') return new ApiFailure('too_large', "The request's head is too large.");
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new ApiFailure('timeout', 'The request took too long to come in.');
  return new ApiFailure('bad_request', 'These bytes are no HTTP request.');
}

/** ClickHouse's codes for a query that was ended for its time or its memory, and the client's own. */
const TOO_LONG: ReadonlySet<unknown> = new Set(['159', '160', '241', 'ETIMEDOUT']);

/** Waits for an answer of the store's; that it has none is told without its reason, which goes to Bittern's own output. */
export async function fromStore<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    if (cause instanceof BitternError || cause instanceof ApiFailure) throw cause;
    if (TOO_LONG.has((cause as { code?: unknown }).code))
      throw new ApiFailure('store_timeout', 'This takes too long: ask for a shorter time, or with more filters.', {
        cause,
      });
    throw new ApiFailure('store_unavailable', "The store doesn't answer at the moment; try again.", { cause });
  }
}
