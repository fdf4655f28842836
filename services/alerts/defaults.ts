/** Defaults and limits of the alerts. */
export const ALERT_DEFAULTS = {
  pollMs: 500,
  /** How far back a poll looks again: an insert may become visible later than its `stored` says. */
  overlapSeconds: 60,
  leaseMs: 10_000,
  groupWaitMs: 500,
  groupIntervalMs: 2_000,
  repeatIntervalMs: 4 * 3_600_000,
  timeoutMs: 10_000,
  retryDelayMs: 1_000,
  retryDelayMsMax: 60_000,
  /** What ended so long ago and still can't be delivered is given up. */
  giveUpMs: 24 * 3_600_000,
  /** Findings that are watched at a time: open ones, and those whose end somebody has still to be told. */
  findingsMax: 10_000,
  /** Alerts in one message; the others of its group are counted, or come in the next one. */
  messageAlertsMax: 50,
  /** Characters of a label or annotation. */
  textCharsMax: 1_000,
  /** Bytes of an answer that are read. */
  answerBytesMax: 16_384,
  agentNamesMs: 10_000,
  silencesMs: 1_000,
  silencesMax: 500,
  matchersMax: 20,
  matcherCharsMax: 300,
} as const;

export const LEVELS = ['note', 'alert', 'critical'] as const;
