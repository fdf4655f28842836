/**
 * Renders docs/schema.md from a migrated database: `node services/clickhouse/schema-doc.ts > docs/schema.md`.
 * A test compares the file with what the migrations make, so the page can't be out of date.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ask } from './queries.ts';
import { openStore, type Store } from './store.ts';

interface TableRow {
  readonly name: string;
  readonly comment: string;
  readonly partition_key: string;
  readonly sorting_key: string;
}

interface ColumnRow {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly comment: string;
}

const HEAD = `# The ClickHouse schema

Made from the migrations in \`schemas/clickhouse/\`: \`node services/clickhouse/schema-doc.ts > docs/schema.md\`.

- \`SELECT count() FROM calls\` is the number of calls: no \`FINAL\`, no filter. Rows are never inserted twice
  ([decision 0003](decisions/0003-no-duplicates-on-insert.md)).
- Times are UTC with microseconds, by the clock of the capture. \`Nullable\` means: null where it isn't known. Empty text: not told.
- Rows go away so many days (\`retentionDays\`) after they were *stored*, so an old capture that is replayed today stays.

## Reading contents

Messages, system prompts, tool definitions and responses are stored once each in \`contents\`, under the hash of their text. A
call names them:

- \`response_content\` is the hash of its response.
- The request is \`request_skeleton\`, with its NUL characters replaced, in order, by the texts of \`request_parts\`. The result is
  the text that was sent, byte for byte. In SQL:

\`\`\`sql
WITH (SELECT (request_skeleton, request_parts) FROM calls WHERE call_id = '…') AS call,
     (SELECT groupArray((hash, text)) FROM contents WHERE hash IN (SELECT arrayJoin(request_parts) FROM calls WHERE call_id = '…')) AS texts
SELECT arrayStringConcat(arrayMap(
  (between, hash) -> concat(between, if(hash = '', '', arrayFirst(text -> text.1 = hash, texts).2)),
  splitByChar('\\0', call.1),
  arrayPushBack(call.2, '')
)) AS request
\`\`\`

The arguments and the result of an MCP tool are contents as well: \`tool_executions.arguments_content\` and \`result_content\`. Where the client passes
on the id of the model's tool call, a tool is found by it:

\`\`\`sql
SELECT call_id, agent_id, e.tool_name, e.outcome, e.duration_ms
FROM calls ARRAY JOIN tool_call_ids AS id
INNER JOIN tool_executions AS e ON e.tool_call_id = id
\`\`\`

Headers are text, a line each; \`request_header\` and \`response_header\` give them by name:

\`\`\`sql
SELECT request_header['user-agent'] AS client, response_header['x-ratelimit-remaining-tokens'] AS tokens_left, request_start
FROM calls ORDER BY request_start DESC LIMIT 10
\`\`\`

The same content may stand in \`contents\` twice for a while (until parts are merged): read it by hash, with \`LIMIT 1 BY hash\`.
`;

export async function renderSchemaDoc(store: Pick<Store, 'client'>): Promise<string> {
  const tables = await ask<TableRow>(
    store,
    `SELECT name, comment, partition_key, sorting_key FROM system.tables
     WHERE database = currentDatabase() ORDER BY indexOf(['calls', 'contents', 'exchanges'], name) = 0, name`,
    {},
  );
  const columns = await ask<ColumnRow>(
    store,
    'SELECT table, name, type, comment FROM system.columns WHERE database = currentDatabase() ORDER BY table, position',
    {},
  );
  const sections = tables.map((table) =>
    section(
      table,
      columns.filter((column) => column.table === table.name),
    ),
  );
  return `${HEAD}\n${sections.join('\n')}`;
}

function section(table: TableRow, columns: readonly ColumnRow[]): string {
  const key = table.partition_key === '' ? '' : `partitioned by \`${table.partition_key}\`, `;
  const rows = columns.map(
    ({ name, type, comment }) => `| \`${name}\` | \`${type}\` | ${comment.replaceAll('|', '\\|')} |`,
  );
  return [
    `## ${table.name}`,
    '',
    table.sorting_key === '' ? `${table.comment}.` : `${table.comment}; ${key}ordered by \`${table.sorting_key}\`.`,
    '',
    '| column | type | meaning |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

async function main(): Promise<void> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-schema-'));
  const store = await openStore({ dataDir, retentionDays: 30, memoryBytesMax: 1e9 });
  try {
    process.stdout.write(await renderSchemaDoc(store));
  } finally {
    await store.close();
    rmSync(dataDir, { recursive: true });
  }
}

if (import.meta.main) await main();
