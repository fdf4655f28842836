/** What Grafana's plugin for ClickHouse makes of a panel's query, for those who ask it without Grafana. */
export interface PanelTimes {
  /** SQL of a DateTime's text: `'2026-09-21 00:00:00'`. */
  readonly from: string;
  readonly to: string;
  /** What is chosen of the variable `agent`. */
  readonly agents: readonly string[] | 'all';
}

export function expandedSql(sql: string, { from, to, agents }: PanelTimes): string {
  const filter = (column: string): string =>
    `${column} >= toDateTime(${from}, 'UTC') AND ${column} <= toDateTime(${to}, 'UTC')`;
  const list = agents === 'all' ? '' : agents.map((agent) => `'${agent}'`).join(',');
  return sql
    .replace(/\$__conditionalAll\((.*?\}\)), \$agent\)/g, (_, condition: string) =>
      agents === 'all' ? '1=1' : condition,
    )
    .replaceAll('${' + 'agent:singlequote}', list)
    .replace(/\$__timeFilter\(([\w.]+)\)/g, (_, column: string) => filter(column))
    .replace(
      /\$__timeInterval\(([\w.]+)\)/g,
      (_, column: string) => `toStartOfInterval(toDateTime(${column}), INTERVAL 60 second)`,
    );
}
