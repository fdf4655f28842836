import { userInfo } from 'node:os';
import { parseSilence } from '../../alerts/silence.ts';
import { addSilence, endSilence, listSilences, type Silence, silenceState } from '../../clickhouse/silences.ts';
import type { Store } from '../../clickhouse/store.ts';
import { type Arguments, type CommandBody, type Context, EXIT, usageError } from '../command.ts';
import { openConfiguredStore } from '../runtime.ts';
import { formatTime } from '../summary.ts';
import { renderTable } from '../terminal/table.ts';
import { durationMs } from '../time.ts';

const LIST_MAX = 500;

function table(silences: readonly Silence[]): string {
  const now = Date.now();
  return renderTable(silences, [
    { title: 'SILENCE', value: (row) => row.silenceId.slice(0, 12) },
    { title: 'STATE', value: (row) => silenceState(row, now) },
    { title: 'UNTIL (UTC)', value: (row) => formatTime(row.ends * 1000).slice(0, 19) },
    { title: 'WHAT', value: (row) => row.matchers.join(' '), widthMax: 60 },
    { title: 'BY', value: (row) => row.createdBy, widthMax: 20 },
    { title: 'WHY', value: (row) => row.comment, widthMax: 60 },
  ]);
}

function whoAmI(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}

async function add(store: Store, args: Arguments, { json, print }: Context): Promise<number> {
  const now = Date.now();
  const silence = parseSilence({
    matchers: args.positionals.slice(1),
    starts: now,
    ends: now + durationMs(args.text('for') ?? '1h'),
    createdBy: args.text('by') ?? whoAmI(),
    comment: args.text('comment') ?? '',
  });
  const added = await addSilence(store, silence);
  print(
    json
      ? JSON.stringify(added)
      : `Silence ${added.silenceId} until ${formatTime(added.ends * 1000).slice(0, 19)} UTC.`,
  );
  return EXIT.ok;
}

async function list(store: Store, args: Arguments, { json, print, note }: Context): Promise<number> {
  const silences = await listSilences(store, { ended: args.flag('all'), limit: LIST_MAX });
  if (json) for (const silence of silences) print(JSON.stringify(silence));
  else if (silences.length === 0) note('No silences.');
  else print(table(silences));
  return EXIT.ok;
}

async function end(store: Store, args: Arguments, { note, print }: Context): Promise<number> {
  const id = (args.positionals[1] ?? '').toLowerCase();
  if (!/^[0-9a-f]{4,32}$/.test(id))
    throw usageError(`'${id}' is not a silence's id; 'bittern silence list' shows them.`);
  const ended = await endSilence(store, id);
  if (ended === null) {
    note(`bittern: there is no silence '${id}', or there are several.`);
    return EXIT.notFound;
  }
  print(`Silence ${ended.silenceId} is over.`);
  return EXIT.ok;
}

const ACTIONS = { add, list, end } as const;

export const silence: CommandBody = {
  usage: 'add CONDITION… --for 2h [--comment TEXT] | list [--all] | end ID',
  details: [
    'While a silence lasts nobody is told of findings for which all of its conditions hold: NAME=VALUE, NAME!=VALUE (* stands for any text, |',
    'separates alternatives), level>=LEVEL. Names: kind, rule, level, agent, agent_id, team, user, session, tool, environment, finding, and labels of',
    'rules. Whoever was told that something began is still told that it ended.',
  ].join('\n'),
  options: {
    for: { type: 'string', value: 'TIME', description: 'how long: 30m, 2h, 3d (default 1h)' },
    comment: { type: 'string', value: 'TEXT', description: 'why' },
    by: { type: 'string', value: 'NAME', description: 'who (default: your user name)' },
    all: { type: 'boolean', description: 'list those that are over as well' },
  },
  examples: [
    ["bittern silence add 'agent=ops-*' kind=stuck_poll --for 2h --comment 'slow deployment'", 'both must hold'],
    ['bittern silence end 3f2a9c', 'before its time'],
  ],
  positionals: { min: 1, max: 21 },
  run: async (context) => {
    const { args, loaded } = context;
    const [action = ''] = args.positionals;
    const run = Object.hasOwn(ACTIONS, action) ? ACTIONS[action as keyof typeof ACTIONS] : undefined;
    if (run === undefined) throw usageError(`'${action}' is not add, list or end.`);
    const store = await openConfiguredStore(loaded.config);
    try {
      return await run(store, args, context);
    } finally {
      await store.close();
    }
  },
};
