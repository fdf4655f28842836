/** Defaults and limits of the HTTP API. */
export const API_DEFAULTS = {
  host: '127.0.0.1',
  port: 4680,
  /** Rows of one page when the client doesn't say, and at most. */
  pageRows: 50,
  pageRowsMax: 500,
} as const;
