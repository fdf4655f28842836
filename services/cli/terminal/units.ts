/** Numbers as people read them. Null is `–`. */

export function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

export function formatCount(count: number | null): string {
  return count === null ? '–' : count.toLocaleString('en-US');
}

/** Milliseconds: `850 ms`, `1.2 s`, `3 min 4 s`. */
export function formatMs(ms: number | null): string {
  if (ms === null) return '–';
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

export function formatUsd(usd: number | null): string {
  if (usd === null) return '–';
  return usd === 0 ? '$0' : `$${usd < 0.01 ? usd.toPrecision(2) : usd.toFixed(2)}`;
}

/** `12 LLM calls and 3 other HTTP exchanges`; tools that MCP servers ran stand between them, if there are any. */
export function storedRows(rows: {
  readonly calls: number;
  readonly toolExecutions: number;
  readonly exchanges: number;
}): string {
  const tools = rows.toolExecutions === 0 ? '' : `, ${formatCount(rows.toolExecutions)} tool executions`;
  return `${formatCount(rows.calls)} LLM calls${tools} and ${formatCount(rows.exchanges)} other HTTP exchanges`;
}
