/** Each default of the stage in this one place; those of merging are beside it. */
export const REASSEMBLER_DEFAULTS = {
  /** How often offsets are committed, at most. */
  commitIntervalMs: 500,
  /** A partition without a record for so long has none to be read: what waits there for another probe's bytes goes by this process's clock. */
  quietMs: 30_000,
  /** See HoldLimits. Probes end a connection that is silent after ten minutes. */
  idleTimeoutMs: 15 * 60_000,
  holdMsMax: 30 * 60_000,
} as const;
