import { AGENT_TEXT_CHARS_MAX, type Agent, listAgents, setAgent, unsetAgent } from '../../clickhouse/agents.ts';
import type { Store } from '../../clickhouse/store.ts';
import { type Arguments, type CommandBody, type Context, EXIT, usageError } from '../command.ts';
import { openConfiguredStore } from '../runtime.ts';
import { formatTime } from '../summary.ts';
import { renderTable } from '../terminal/table.ts';
import { formatCount } from '../terminal/units.ts';

const TEXTS = ['name', 'owner', 'team', 'environment'] as const;

function table(agents: readonly Agent[]): string {
  return renderTable(
    agents,
    [
      { title: 'AGENT', value: (row) => row.agentId, widthMax: 40 },
      { title: 'NAME', value: (row) => (row.name === row.agentId ? '–' : row.name), widthMax: 30 },
      { title: 'OWNER', value: (row) => row.owner || '–', widthMax: 24 },
      { title: 'TEAM', value: (row) => row.team || '–', widthMax: 20 },
      { title: 'ENVIRONMENT', value: (row) => row.environment || '–', widthMax: 16 },
      { title: 'CLIENT', value: (row) => row.clientName || '–', widthMax: 20 },
      { title: 'CALLS', value: (row) => formatCount(row.calls), align: 'right' },
      {
        title: 'LAST SEEN (UTC)',
        value: (row) => (row.lastSeen === null ? 'never' : formatTime(row.lastSeen).slice(0, 19)),
      },
    ],
    process.stdout.isTTY ? process.stdout.columns : undefined,
  );
}

/** @throws BitternError BIT_USAGE */
function changeOf(args: Arguments): Partial<Record<(typeof TEXTS)[number], string>> {
  const given = TEXTS.flatMap((name) => {
    const text = args.text(name);
    if (text === undefined) return [];
    if (text.length > AGENT_TEXT_CHARS_MAX)
      throw usageError(`--${name} takes at most ${AGENT_TEXT_CHARS_MAX} characters.`);
    return [[name, text] as const];
  });
  if (given.length === 0) throw usageError(`Say what to set: ${TEXTS.map((name) => `--${name}`).join(', ')}.`);
  return Object.fromEntries(given);
}

async function list(store: Store, { json, print, note }: Context): Promise<number> {
  const agents = await listAgents(store);
  if (json) for (const agent of agents) print(JSON.stringify(agent));
  else if (agents.length === 0) note('No agents: no call tells who made it.');
  else print(table(agents));
  return EXIT.ok;
}

export const agents: CommandBody = {
  usage: 'list | set RAW_ID --name … --owner … --team … --environment … | unset RAW_ID',
  details: [
    'Agents are known by what the traffic tells of them (calls.agent_id: RAW_ID). Names that you give are shown in their place: in alerts, in',
    "the view agents, and in SQL by joinGet('agent_names', 'name', agent_id). Stored calls stay as they are.",
  ].join('\n'),
  options: {
    name: { type: 'string', value: 'TEXT', description: 'name for people' },
    owner: { type: 'string', value: 'TEXT', description: 'who answers for it' },
    team: { type: 'string', value: 'TEXT', description: 'team' },
    environment: { type: 'string', value: 'TEXT', description: 'production, staging, …' },
  },
  examples: [
    ['bittern agents set agent-7f3a --name "Invoice bot" --team billing', 'what is not named stays as it is'],
    ['bittern agents unset agent-7f3a', 'as the traffic tells it again'],
  ],
  positionals: { min: 1, max: 2 },
  run: async (context) => {
    const { args, loaded, json, print, note } = context;
    const [action = '', rawId = ''] = args.positionals;
    if (!['list', 'set', 'unset'].includes(action)) throw usageError(`'${action}' is not list, set or unset.`);
    if ((action === 'list') !== (rawId === '')) throw usageError(`Usage: bittern agents ${agents.usage}.`);
    const change = action === 'set' ? changeOf(args) : {};
    const store = await openConfiguredStore(loaded.config);
    try {
      if (action === 'list') return await list(store, context);
      if (action === 'set') {
        const entry = await setAgent(store, rawId, change);
        print(
          json
            ? JSON.stringify(entry)
            : `Set ${rawId}: ${TEXTS.map((name) => `${name} ${entry[name] || '–'}`).join(', ')}.`,
        );
        return EXIT.ok;
      }
      if (await unsetAgent(store, rawId)) return EXIT.ok;
      note(`bittern: nobody gave '${rawId}' a name; 'bittern agents list' shows who has one.`);
      return EXIT.notFound;
    } finally {
      await store.close();
    }
  },
};
