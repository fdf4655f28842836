import { ask } from '../../clickhouse/queries.ts';
import type { Store } from '../../clickhouse/store.ts';
import { BitternError } from '../../common/errors.ts';
import { type DryRun, dryRun, knowsTime } from '../../rules/dry-run.ts';
import type { RuleSettings } from '../../rules/settings.ts';
import { type Arguments, type CommandBody, type Context, EXIT, usageError } from '../command.ts';
import { openConfiguredStore } from '../runtime.ts';
import { formatTime } from '../summary.ts';
import { printable, renderTable } from '../terminal/table.ts';
import { formatCount, formatMs } from '../terminal/units.ts';
import { pointInTime } from '../time.ts';

interface RuleRow {
  readonly rule: string;
  readonly lastRun: number;
  readonly durationMs: number;
  readonly rows: number;
  readonly failures: number;
  readonly problem: string;
}

const EVENTS_SHOWN = 50;

async function list(store: Store, { loaded, json, print, note }: Context): Promise<number> {
  const rules = loaded.config.rules.sql;
  const runs = await ask<RuleRow>(
    store,
    `SELECT rule, toUnixTimestamp64Milli(last_run) AS lastRun, duration_ms AS durationMs, rows, failures, problem FROM rule_runs FINAL`,
    {},
  );
  const open = await ask<{ rule: string; open: number }>(
    store,
    "SELECT rule, count() AS open FROM findings WHERE kind = 'rule' AND state = 'open' GROUP BY rule",
    {},
  );
  const rows = rules.map((rule) => ({
    name: rule.name,
    level: rule.level,
    intervalMs: rule.intervalMs,
    open: open.find((each) => each.rule === rule.name)?.open ?? 0,
    run: runs.find((each) => each.rule === rule.name) ?? null,
  }));
  if (json) for (const row of rows) print(JSON.stringify(row));
  else if (rows.length === 0) note('No rules: set rules.sql (docs/alerts.md).');
  else
    print(
      renderTable(rows, [
        { title: 'RULE', value: (row) => row.name },
        { title: 'LEVEL', value: (row) => row.level },
        { title: 'EVERY', value: (row) => formatMs(row.intervalMs), align: 'right' },
        { title: 'OPEN', value: (row) => formatCount(row.open), align: 'right' },
        {
          title: 'LAST RUN (UTC)',
          value: ({ run }) => (run === null ? 'never' : formatTime(run.lastRun * 1000).slice(0, 19)),
        },
        { title: 'TOOK', value: ({ run }) => formatMs(run?.durationMs ?? null), align: 'right' },
        { title: 'FAILED', value: ({ run }) => formatCount(run?.failures ?? 0), align: 'right' },
        { title: 'PROBLEM', value: ({ run }) => run?.problem ?? '', widthMax: 120 },
      ]),
    );
  return EXIT.ok;
}

/** From when to when, µs. @throws BitternError BIT_USAGE */
function rangeOf(args: Arguments): { readonly from: number; readonly to: number } {
  const now = Date.now();
  const at = args.text('at');
  const since = args.text('since');
  const to = pointInTime(args.text('until') ?? at ?? '0s', now);
  const from = since === undefined ? to : pointInTime(since, now);
  if (from > to) throw usageError('--since must be before --until.');
  return { from, to };
}

function render(rule: RuleSettings, outcome: DryRun, once: boolean): string {
  const lines = [
    `${rule.name}: ${formatCount(outcome.runs)} runs, ${formatCount(outcome.open.length)} open at the end.`,
  ];
  const shown = once ? outcome.events.filter(({ what }) => what === 'fires') : outcome.events;
  for (const { at, what, finding } of shown.slice(0, EVENTS_SHOWN)) {
    const who = [finding.agentId, finding.sessionId, finding.toolName].filter((text) => text !== '').join(' ');
    const labels = Object.entries(finding.labels).map(([name, value]) => `${name}=${value}`);
    lines.push(
      printable(`  ${formatTime(at)} ${what} (${finding.level}) ${who} ${labels.join(' ')}: ${finding.summary}`),
    );
  }
  if (shown.length > EVENTS_SHOWN)
    lines.push(`  … ${formatCount(shown.length - EVENTS_SHOWN)} more (--json shows all)`);
  return lines.join('\n');
}

async function tryOut(store: Store, { args, loaded, signal, json, print, note }: Context): Promise<number> {
  const name = args.positionals[1];
  const rules = loaded.config.rules.sql.filter((rule) => name === undefined || rule.name === name);
  if (rules.length === 0) {
    note(name === undefined ? 'No rules: set rules.sql (docs/alerts.md).' : `bittern: there is no rule '${name}'.`);
    return EXIT.notFound;
  }
  const { from, to } = rangeOf(args);
  let failed = false;
  for (const rule of rules) {
    if ((args.text('at') ?? args.text('since')) !== undefined && !knowsTime(rule))
      note(`${rule.name} doesn't ask for {now:DateTime64(6)}, so it sees the present at every time.`);
    try {
      const outcome = await dryRun(store, rule, from, to, loaded.config.rules, signal);
      print(json ? JSON.stringify({ rule: rule.name, ...outcome }) : render(rule, outcome, from === to));
    } catch (error) {
      if (!(error instanceof BitternError)) throw error;
      failed = true;
      if (json) print(JSON.stringify({ rule: rule.name, problem: error.message }));
      else print(`${rule.name}: ${printable(error.message)}`);
    }
  }
  return failed ? EXIT.failed : EXIT.ok;
}

export const rules: CommandBody = {
  usage: 'list | test [NAME] [--at TIME | --since TIME [--until TIME]]',
  details: [
    'test runs the configured rules over what is stored and shows what would have fired; nothing is stored or sent. With --since each rule runs at its',
    'interval from then on (in at most 1,000 steps). A query knows the time of its run as {now:DateTime64(6)}.',
  ].join('\n'),
  options: {
    at: {
      type: 'string',
      value: 'TIME',
      description: 'as of this time: 2026-01-02T03:04:05Z, or 2h for two hours ago (default: now)',
    },
    since: { type: 'string', value: 'TIME', description: 'from this time on' },
    until: { type: 'string', value: 'TIME', description: 'with --since: until this time (default: now)' },
  },
  examples: [
    ['bittern rules test', 'what every rule returns now'],
    ['bittern rules test error-rate --since 1d', 'when it would have fired and resolved during the last day'],
  ],
  positionals: { min: 1, max: 2 },
  run: async (context) => {
    const [action = ''] = context.args.positionals;
    if (action !== 'list' && action !== 'test') throw usageError(`'${action}' is not list or test.`);
    const store = await openConfiguredStore(context.loaded.config);
    try {
      return await (action === 'list' ? list : tryOut)(store, context);
    } finally {
      await store.close();
    }
  },
};
