/** Settings of the rules in SQL. */
import { z } from 'zod';

export const RULE_DEFAULTS = {
  intervalMs: 60_000,
  timeoutMs: 10_000,
  /** Rows that a rule may return: each is an alert. */
  rowsMax: 100,
  memoryBytesMax: 300_000_000,
  rowsReadMax: 1_000_000_000,
  threadsMax: 2,
  rulesMax: 200,
  sqlCharsMax: 20_000,
  columnsMax: 50,
  resultBytesMax: 10_000_000,
} as const;

const ruleName = z.string().regex(/^[A-Za-z0-9][\w.-]{0,63}$/, 'must be a name of letters, digits, ., _ and -');

const rule = z.strictObject({
  name: ruleName,
  sql: z.string().min(1).max(RULE_DEFAULTS.sqlCharsMax),
  intervalMs: z.int().min(1_000).max(86_400_000).default(RULE_DEFAULTS.intervalMs),
  level: z.enum(['note', 'alert', 'critical']).default('alert'),
  labels: z.record(z.string().regex(/^[A-Za-z_]\w{0,99}$/, 'must be a label name'), z.string().max(1_000)).default({}),
  summary: z.string().max(500).default(''),
  forMs: z.int().min(0).max(604_800_000).default(0),
});

export type RuleSettings = z.infer<typeof rule>;

export const rulesSection = z
  .strictObject({
    sql: z
      .array(rule)
      .max(RULE_DEFAULTS.rulesMax)
      .default([])
      .refine((rules) => new Set(rules.map(({ name }) => name)).size === rules.length, 'two rules have the same name')
      .describe(
        'Queries whose rows are findings: a list of {name, sql, intervalMs, level, labels, summary, forMs}; see docs/alerts.md.',
      ),
    timeoutMs: z
      .int()
      .min(100)
      .max(600_000)
      .default(RULE_DEFAULTS.timeoutMs)
      .describe('A query that takes longer is ended, and has failed.'),
    rowsMax: z
      .int()
      .min(1)
      .max(10_000)
      .default(RULE_DEFAULTS.rowsMax)
      .describe('A query that returns more rows has failed: each row would be an alert.'),
    memoryBytesMax: z
      .int()
      .min(10_000_000)
      .max(1_000_000_000_000)
      .default(RULE_DEFAULTS.memoryBytesMax)
      .describe('Memory of one query in ClickHouse.'),
  })
  .prefault({})
  .describe('Rules: your own queries as alerts (docs/alerts.md).');

export type RulesSettings = z.infer<typeof rulesSection>;
