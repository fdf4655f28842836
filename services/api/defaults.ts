/** Defaults and limits of the HTTP API. */
export const API_DEFAULTS = {
  host: '127.0.0.1',
  port: 4680,
  /** Rows of one page when the client doesn't say, and at most. */
  pageRows: 50,
  pageRowsMax: 500,
  /** Characters of one filter's value. */
  filterCharsMax: 500,
  /** Bytes of a request's head, and of a body that no route wants. */
  headBytesMax: 16_384,
  bodyBytesMax: 1_024,
  /** Bytes of a change: a silence, an agent's names. */
  changeBytesMax: 16_384,
  /** Connections at once, and how long a request may take to come in. */
  connectionsMax: 100,
  requestTimeoutMs: 30_000,
} as const;
