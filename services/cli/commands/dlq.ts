import { FRAMES, OBSERVATIONS } from '../../../schemas/topics.ts';
import { DEAD_LETTER_SELECTION_DEFAULTS, type DeadLetter, type KafkaBus } from '../../kafka/index.ts';
import { type Arguments, type CommandBody, EXIT, usageError } from '../command.ts';
import { openKafkaBus } from '../kafka.ts';
import { renderTable } from '../terminal/table.ts';
import { formatBytes, formatCount } from '../terminal/units.ts';

const TOPICS: Readonly<Record<string, string>> = { frames: FRAMES.name, calls: OBSERVATIONS.name };
const LIMIT_MAX = 10_000;

function placeOf(letter: DeadLetter): string {
  return `${letter.partition}:${letter.offset}`;
}

/** Everything but the payload, which may be what was said in the watched traffic. */
function metadata(letter: DeadLetter): object {
  const { partition, offset, reason, error, stage, origin, timestampMs, replays, key, value } = letter;
  return {
    partition,
    offset,
    reason,
    error,
    stage,
    origin,
    timestampMs,
    replays,
    key: key?.toString('utf8') ?? null,
    valueBytes: value?.length ?? 0,
  };
}

function table(letters: readonly DeadLetter[]): string {
  return renderTable(letters, [
    { title: 'LETTER', value: placeOf },
    {
      title: 'WHEN (UTC)',
      value: (letter) => new Date(letter.timestampMs).toISOString().slice(0, 19).replace('T', ' '),
    },
    { title: 'REASON', value: (letter) => letter.reason },
    { title: 'STAGE', value: (letter) => letter.stage },
    { title: 'FROM', value: (letter) => `${letter.origin.partition}:${letter.origin.offset}` },
    { title: 'BYTES', value: (letter) => formatBytes(letter.value?.length ?? 0), align: 'right' },
    { title: 'REPLAYS', value: (letter) => String(letter.replays), align: 'right' },
    { title: 'ERROR', value: (letter) => letter.error, widthMax: 80 },
  ]);
}

async function selected(bus: KafkaBus, topic: string, args: Arguments): Promise<readonly DeadLetter[]> {
  const place = args.positionals[2];
  if (place === undefined) {
    const limit = args.integer('limit', 1, LIMIT_MAX) ?? DEAD_LETTER_SELECTION_DEFAULTS.limit;
    return bus.deadLetters.list(topic, {
      ...DEAD_LETTER_SELECTION_DEFAULTS,
      reason: args.text('reason') ?? null,
      limit,
    });
  }
  const match = /^(\d+):(\d+)$/.exec(place);
  if (match === null) throw usageError(`'${place}' is not a letter; name one as in the list: PARTITION:OFFSET.`);
  return [await bus.deadLetters.show(topic, Number(match[1]), Number(match[2]))];
}

export const dlq: CommandBody = {
  usage: 'list|show|replay frames|calls [PARTITION:OFFSET] [options]',
  details: [
    'Records that a stage could not use, as they came, with the reason: an unknown schema, a wrong sealing key, damaged bytes. Replay sends them to',
    'their topic again, after the cause is cured (a newer release, the right key). The letters stay until the topic forgets them.',
  ].join('\n'),
  options: {
    reason: { type: 'string', value: 'CODE', description: 'only those with this reason' },
    limit: {
      type: 'string',
      short: 'n',
      value: 'N',
      description: `no more than N (default ${DEAD_LETTER_SELECTION_DEFAULTS.limit})`,
    },
  },
  examples: [
    ['bittern dlq list frames', 'what could not be read'],
    ['bittern dlq replay frames --reason BIT_SEAL_KEY_UNKNOWN', 'after the missing key was configured'],
  ],
  positionals: { min: 2, max: 3 },
  run: async ({ args, loaded, json, print, note }) => {
    const [action = '', name = ''] = args.positionals;
    const topic = TOPICS[name];
    if (topic === undefined) throw usageError(`There are no dead letters of '${name}'; say frames or calls.`);
    if (!['list', 'show', 'replay'].includes(action)) throw usageError(`'${action}' is not list, show or replay.`);
    const bus = await openKafkaBus(loaded.config);
    try {
      const letters = await selected(bus, topic, args);
      if (action === 'replay')
        print(`${formatCount(await bus.deadLetters.replay(letters))} records sent again to ${topic}.`);
      else if (json || action === 'show') for (const letter of letters) print(JSON.stringify(metadata(letter)));
      else if (letters.length === 0) note('No dead letters.');
      else print(table(letters));
      return EXIT.ok;
    } finally {
      await bus.close();
    }
  },
};
