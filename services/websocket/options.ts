/** Limits of the WebSocket layer. Each default stands here and nowhere else. */
export interface SocketLimits {
  /** Longest frame that is believed, in bytes; a longer one is damage. */
  readonly frameBytesMax: number;
  /** Payload of one message that is held, in bytes, before and after inflating; of a longer one only the size is known. */
  readonly messageBytesMax: number;
  /** Most bytes out of inflating for each byte in, judged beyond `inflatedFloorBytes`. */
  readonly inflatedRatioMax: number;
  readonly inflatedFloorBytes: number;
}

export const SOCKET_DEFAULTS: SocketLimits = {
  frameBytesMax: 1024 * 1024 * 1024,
  messageBytesMax: 16 * 1024 * 1024,
  inflatedRatioMax: 250,
  inflatedFloorBytes: 1024 * 1024,
};
