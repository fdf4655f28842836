/** Pictures of Phoenix' pages, by headless Chromium. */
import { spawnSync } from 'node:child_process';
import type { Shown, ShownSpan } from './shown.ts';

const TIMEOUT_MS = 120_000;
/** For so long the page may load and draw, ms of its own clock. */
const BUDGET_MS = 30_000;

/** The last call in the trace with most tools. */
function callToShow({ spans }: Shown): ShownSpan | undefined {
  const tools = spans.filter(({ spanKind }) => spanKind === 'tool');
  const [largest] = [...Map.groupBy(tools, ({ trace }) => trace.traceId)].sort((a, b) => b[1].length - a[1].length);
  return spans.find(({ spanKind, trace }) => spanKind === 'llm' && trace.traceId === largest?.[0]);
}

export function screenshot(url: string, shown: Shown, file: string): void {
  const call = callToShow(shown);
  if (call === undefined) throw new Error('There is no trace with tools.');
  const page = `${url}/projects/${encodeURIComponent(shown.projectId)}/traces/${call.trace.traceId}?selectedSpanNodeId=${encodeURIComponent(call.id)}`;
  const args = ['--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--window-size=1600,1000'];
  const { status, error } = spawnSync(
    'chromium',
    [...args, `--virtual-time-budget=${BUDGET_MS}`, `--screenshot=${file}`, page],
    { stdio: 'ignore', timeout: TIMEOUT_MS },
  );
  if (status !== 0) throw new Error(`No picture: chromium ended with ${status ?? String(error)}.`);
  console.log(`${file}: ${page}`);
}
