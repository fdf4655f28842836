/** Each default of the worker threads in this one place. */
/** More don't help: the thread that reads packets and feeds the store is busy then. */
export const WORKERS_MAX = 16;

export const THREAD_DEFAULTS = {
  /** None: on two cores they gain too little for what they cost (docs/decisions/0025). */
  workers: 0,
  /** Frames that a worker has or is on its way to have, bytes, above which it is given no more. */
  flightBytesMax: 4 * 1024 * 1024,
  /** Observations that came out of it and are not in the bus yet, bytes, above which it waits. */
  unreadBytesMax: 8 * 1024 * 1024,
  /** Observations that it gathers while it reads one message, bytes, before it tells of them. */
  outboxBytesMax: 1024 * 1024,
  /** How old those figures may be that cost something to find out. */
  figuresMs: 500,
  /** Heap of new objects, MB: as `--max-semi-space-size=16`, with which a call costs least and memory is least (docs/decisions/0025). */
  youngMbMax: 48,
  /** Heap of all others, MB. What limits let a worker hold is far below; a worker over it ends, and the process with it. */
  oldMbMax: 2048,
} as const;
