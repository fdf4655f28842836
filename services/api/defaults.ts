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
  /** A query of the store that takes longer is ended. */
  querySecondsMax: 10,
  /** Lists: whether the store has changed is asked again after `fresh`, and an answer may be twice so much (`stale`) older than a change. */
  listFreshMs: 250,
  listStaleMs: 1_000,
  /** While so many lists are being read, the answers may be older. */
  listAskedMax: 4,
  listBusyStaleMs: 10_000,
  listCacheEntriesMax: 1_000,
  listCacheBytesMax: 32_000_000,
  /** Rows of calls that are kept while no stored call changes. */
  rowCacheRowsMax: 30_000,
  rowCacheBytesMax: 64_000_000,
  /** Rows of them that are read by one query, if several requests want them at a time: their ids fit one parameter (param-chunks.ts). */
  rowCacheReadMax: 1_500,
  /** Pages that are read ahead (list-runs.ts): at first, and rows at most; bytes of all but the rows of calls; how many readings at once. */
  runFirstPages: 5,
  runRowsMax: 1_000,
  runBytesMax: 32_000_000,
  runAheadMax: 4,
  /** The newest calls (call-window.ts): rows and bytes; what of them is read again after a change; after how many misses, and how seldom, it is made. */
  windowRowsMax: 30_000,
  windowBytesMax: 80_000_000,
  windowAgainMax: 4_000,
  windowMissesMin: 8,
  windowRestMs: 30_000,
  /** Agents of all days that are kept for the list of agents. */
  agentDaysRowsMax: 100_000,
  /** Live updates: streams at once; how often the store is looked at; a stream's events that wait for a slow reader. */
  streamsMax: 20,
  livePollMs: 500,
  liveRowsMax: 2_000,
  liveBufferBytesMax: 8_000_000,
  /** Events that a stream can go on after. */
  liveEventsKept: 5_000,
  liveBytesKept: 16_000_000,
  /** Without anybody who listens events are missed after so long. */
  livePauseMs: 60_000,
  liveBeatMs: 15_000,
  /** How long a reader that was too slow may take to read why it is dropped. */
  liveDropMs: 30_000,
} as const;
