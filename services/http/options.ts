/** Limits and counters of the HTTP layer. Each default has its one place here. */

export interface HttpOptions {
  /** Longest head (start line and fields), and longest trailer section, in bytes. Longer: the direction loses sync. */
  readonly headBytesMax: number;
  /** Longest head that is believed while a direction looks for a message to begin with, in bytes. */
  readonly resyncHeadBytesMax: number;
  /** Most field lines in a head; the rest of the head is ignored. */
  readonly headersMax: number;
  /** Longest chunk-size line with its extensions, in bytes. */
  readonly chunkLineBytesMax: number;
  /** Most exchanges open on one connection; beyond it the oldest ends as `limit`. */
  readonly pipelineMax: number;
  /** Most interim (1xx) status codes kept of one exchange; the rest is not kept. */
  readonly interimMax: number;
  /** Most connections known at a time; beyond it the one known longest is closed as `limit`. */
  readonly connectionsMax: number;
  /** Most memory of all connections for open exchanges, partial heads and decoders, in bytes (estimated). */
  readonly memoryBytesMax: number;
  /** Most bytes that one body may decode to. */
  readonly decodedBytesMax: number;
  /** Most decoded bytes for each encoded byte, judged once `decodedFloorBytes` have been decoded. */
  readonly decodedRatioMax: number;
  readonly decodedFloorBytes: number;
  /**
   * True: an exchange that is upgraded (101, CONNECT) ends there, its tunnel's bytes and messages uncounted in it. Else it lasts as
   * long as the tunnel does.
   */
  readonly endUpgradesAtOnce?: boolean;
}

export const HTTP_DEFAULTS: HttpOptions = {
  headBytesMax: 256 * 1024,
  resyncHeadBytesMax: 64 * 1024,
  headersMax: 256,
  chunkLineBytesMax: 16 * 1024,
  pipelineMax: 1000,
  interimMax: 16,
  connectionsMax: 200_000,
  memoryBytesMax: 256 * 1024 * 1024,
  decodedBytesMax: 64 * 1024 * 1024,
  decodedRatioMax: 250,
  decodedFloorBytes: 4 * 1024 * 1024,
};

/**
 * What became of the traffic. Every payload byte is in exactly one of the `…Bytes` counters of the first group once the
 * assembler has ended (before that, bytes of unfinished heads are in none).
 */
export interface HttpStats {
  /** Start lines, fields and trailers of messages. */
  headBytes: number;
  /** Bodies, after transfer decoding. */
  bodyBytes: number;
  /** Chunk sizes and line ends around them, empty lines between messages. */
  framingBytes: number;
  /** Another protocol: after an upgrade or CONNECT. */
  opaqueBytes: number;
  /** Another protocol after an upgrade, read by a tunnel (WebSocket). */
  tunnelBytes: number;
  /** Not understood: after a gap, a damaged head or a join, up to the next head; unfinished heads. */
  skippedBytes: number;
  /** In frames that came twice. */
  duplicateBytes: number;

  exchanges: number;
  /** Exchanges without a request head (join in the middle, gap). */
  headMissing: number;
  uncertain: number;
  interim: number;
  upgrades: number;
  http2Connections: number;
  /** HTTP/2: pushed streams, which are not read; header blocks that couldn't be read, or only in part. */
  http2Pushes: number;
  http2Unread: number;
  gaps: number;
  gapBytes: number;
  /** How often a direction lost sync, by cause. */
  lostByGap: number;
  lostByDamage: number;
  lostByLimit: number;
  framesMissed: number;
  framesDuplicate: number;
  rolesSwapped: number;
  connections: number;
}

export function createHttpStats(): HttpStats {
  return {
    headBytes: 0,
    bodyBytes: 0,
    framingBytes: 0,
    opaqueBytes: 0,
    tunnelBytes: 0,
    skippedBytes: 0,
    duplicateBytes: 0,
    exchanges: 0,
    headMissing: 0,
    uncertain: 0,
    interim: 0,
    upgrades: 0,
    http2Connections: 0,
    http2Pushes: 0,
    http2Unread: 0,
    gaps: 0,
    gapBytes: 0,
    lostByGap: 0,
    lostByDamage: 0,
    lostByLimit: 0,
    framesMissed: 0,
    framesDuplicate: 0,
    rolesSwapped: 0,
    connections: 0,
  };
}
