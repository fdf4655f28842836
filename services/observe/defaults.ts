/** Defaults of health, metrics and logs. */
export const OBSERVER_DEFAULTS = {
  /** How long work may wait without any getting done. */
  stallMs: 30_000,
  /** How often figures are looked at, and how often what must be asked for is asked for. */
  lookMs: 1_000,
  refreshMs: 5_000,
} as const;

export const LOG_FORMATS = ['auto', 'json', 'text'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];
