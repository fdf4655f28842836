/** Each default of the stage in this one place; those of merging are beside it. */
export const REASSEMBLER_DEFAULTS = {
  /** How often offsets are committed, at most. */
  commitIntervalMs: 500,
  /** See HoldLimits. Probes end a connection that is silent after ten minutes. */
  idleTimeoutMs: 15 * 60_000,
  holdMsMax: 30 * 60_000,
} as const;
