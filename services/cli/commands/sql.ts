import { once } from 'node:events';
import { runSql } from '../../clickhouse/queries.ts';
import { BitternError } from '../../common/errors.ts';
import { type CommandBody, EXIT } from '../command.ts';
import { openConfiguredStore } from '../runtime.ts';

async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}

export const sql: CommandBody = {
  usage: '"SELECT …"|- [options]',
  details: [
    'Runs one statement and prints the answer as it comes. Works whether or not Bittern is running on the data folder. - reads the',
    'statement from standard input. Tables: calls (one row a call), exchanges, contents, probe_reports, capture_health; docs/schema.md',
    'explains every column, and so does: bittern sql "DESCRIBE calls".',
  ].join('\n'),
  options: {
    format: {
      type: 'string',
      value: 'NAME',
      description:
        'any ClickHouse format (default: PrettyCompactMonoBlock on a terminal, else TabSeparatedWithNames; with --json JSONEachRow)',
    },
    timeout: { type: 'string', value: 'SECONDS', description: 'end the query after so long (default 60)' },
  },
  examples: [
    [
      'bittern sql "SELECT model, count(), quantile(0.95)(ttft_ms) FROM calls GROUP BY model"',
      'first-token time by model',
    ],
    ['bittern sql --format CSVWithNames "SELECT * FROM calls" > calls.csv', 'everything, for a spreadsheet'],
  ],
  positionals: { min: 1, max: 1 },
  run: async ({ args, loaded, json }) => {
    const given = args.positionals[0] ?? '';
    const statement = given === '-' ? await readStandardInput() : given;
    const fallback = json ? 'JSONEachRow' : process.stdout.isTTY ? 'PrettyCompactMonoBlock' : 'TabSeparatedWithNames';
    const timeoutSeconds = args.integer('timeout', 1, 86_400);
    const store = await openConfiguredStore(loaded.config);
    try {
      const answer = await runSql(store, statement, args.text('format') ?? fallback, timeoutSeconds);
      for await (const chunk of answer) if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
      return EXIT.ok;
    } catch (error) {
      if (error instanceof BitternError) throw error;
      throw new BitternError('BIT_SQL', `ClickHouse says: ${(error as Error).message}`, { cause: error });
    } finally {
      await store.close();
    }
  },
};
