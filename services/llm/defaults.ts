/** Limits of the LLM layer. Each default stands here and nowhere else. */
export const LLM_DEFAULTS = {
  /** Decoded bytes of one request body that are held; a longer body is kept up to here and the call is `truncated`. */
  requestBytesMax: 16 * 1024 * 1024,
  /** Decoded bytes of one non-streaming response body, and of the text put together from one stream. */
  responseBytesMax: 16 * 1024 * 1024,
  /** Bytes of request bodies, new contents and answers that are held for all open exchanges together; above it large and old ones are dropped, their calls `truncated`. */
  openBytesMax: 256 * 1024 * 1024,
  /** Bytes allocated at once on the word of a Content-Length. */
  hintBytesMax: 4 * 1024 * 1024,
  /** Bytes of an error answer (status >= 400) that are held. */
  errorBytesMax: 64 * 1024,
  /** Bytes of one stream event; a longer one is dropped and the call is `truncated`. */
  eventBytesMax: 4 * 1024 * 1024,
  /** UTF-16 units of `promptPreview` and `answerPreview`. */
  previewCharsMax: 300,
  /** UTF-16 units of `errorMessage`. */
  errorCharsMax: 1000,
  /** Stored parts of one request; a request with more is stored whole. */
  partsMax: 50_000,
  /** Messages looked at, from the last one back, for the last genuine user text. */
  previewMessagesMax: 400,
  /** Gaps between content events that are kept for the median of one stream (the maximum counts all). */
  tokenGapsMax: 20_000,
  /** Hashes of contents that were emitted lately and needn't be emitted again. 0 = emit all, always. */
  contentCacheEntries: 200_000,
  /** Bytes of recent requests kept to find the borders and hashes of unchanged messages without work. 0 = off. */
  prefixCacheBytes: 64 * 1024 * 1024,
  /** Previews and tool names by content hash. */
  factCacheEntries: 50_000,
} as const;

export type LlmLimits = { readonly [K in keyof typeof LLM_DEFAULTS]: number };
