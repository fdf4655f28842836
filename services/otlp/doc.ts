/** Tables of docs/opentelemetry.md: `node services/otlp/doc.ts` prints them, and a test compares. */
import { FINDING_ATTRIBUTES } from './findings.ts';
import { SPAN_MAPPINGS, type SpanKindName } from './mapping.ts';
import { METRIC_KEYS, METRICS } from './metrics.ts';

const TITLES: Readonly<Record<SpanKindName, string>> = {
  turn: 'Turns: `invoke_agent AGENT`, kind Internal',
  call: 'Calls: `chat MODEL` (`generate_content`, `text_completion`, `embeddings`), kind Client',
  tool: 'Tool calls: `execute_tool TOOL`, kind Internal',
};

const cell = (text: string): string => text.replaceAll('|', '\\|');

function spanTable(kind: SpanKindName): string {
  const rows = SPAN_MAPPINGS[kind].attributes.map(
    ({ key, type, meaning, content }) =>
      `| \`${key}\` | ${type} | ${cell(meaning)}${content === true ? ' Only with `otlp.content`.' : ''} |`,
  );
  return [`### ${TITLES[kind]}`, '', '| attribute | type | meaning |', '|---|---|---|', ...rows].join('\n');
}

function findingTable(): string {
  const rows = FINDING_ATTRIBUTES.map(({ key, meaning }) => `| \`${key}\` | ${cell(meaning)} |`);
  return ['### Findings: log event `bittern.finding`', '', '| attribute | meaning |', '|---|---|', ...rows].join('\n');
}

function metricTable(): string {
  const rows = METRICS.map(({ name, unit, meaning, attributes }) => {
    const own = Object.entries(attributes).map(([key, value]) => `\`${key}=${value}\``);
    return `| \`${name}\` ${own.join(' ')}| ${unit} | ${meaning} |`;
  });
  const keys = METRIC_KEYS.map((key) => `\`${key}\``).join(', ');
  const head = ['### Metrics: histograms', '', `Each with ${keys}.`, ''];
  return [...head, '| metric | unit | value |', '|---|---|---|', ...rows].join('\n');
}

export function attributeTables(): string {
  const spans = (Object.keys(SPAN_MAPPINGS) as SpanKindName[]).map(spanTable);
  return [...spans, metricTable(), findingTable()].join('\n\n');
}

if (import.meta.main) console.log(attributeTables());
