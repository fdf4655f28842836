/** Grafana's JSON from few words: a panel is a title, a query and how it is drawn. */

/** Columns of Grafana's grid. */
const GRID_WIDTH = 24;

export interface Panel {
  readonly title: string;
  readonly kind: 'timeseries' | 'stat' | 'table' | 'bars';
  /** SQL, or PromQL in a dashboard on Prometheus. */
  readonly query: string;
  /** Grafana's name of a unit: ms, currencyUSD, percent, short, bytes, s … */
  readonly unit?: string;
  readonly width?: number;
  readonly height?: number;
  readonly description?: string;
  /** Of Prometheus series. */
  readonly legend?: string;
}

export interface Dashboard {
  /** File name, and part of its uid. */
  readonly name: string;
  readonly title: string;
  readonly source: 'grafana-clickhouse-datasource' | 'prometheus';
  /** The time that it shows at first. */
  readonly from: string;
  readonly panels: readonly Panel[];
}

/** The variable by which a dashboard names its data source. */
const CHOSEN_SOURCE = `$\{source}`;

/** The plugin's numbers for the forms of an answer. */
const FORMAT = { timeseries: 0, table: 1 } as const;

function target(dashboard: Dashboard, { kind, query, legend }: Panel): Record<string, unknown> {
  const datasource = { type: dashboard.source, uid: CHOSEN_SOURCE };
  if (dashboard.source === 'prometheus')
    return {
      refId: 'A',
      datasource,
      expr: query,
      legendFormat: legend ?? '__auto',
      range: kind !== 'stat',
      instant: kind === 'stat',
    };
  const form = kind === 'timeseries' || kind === 'bars' ? 'timeseries' : 'table';
  return { refId: 'A', datasource, editorType: 'sql', queryType: form, format: FORMAT[form], rawSql: query.trim() };
}

/** All that a panel of this kind must say. */
const STAT = {
  ...{ graphMode: 'none', colorMode: 'value', justifyMode: 'auto', textMode: 'auto', wideLayout: true },
  ...{ showPercentChange: false, percentChangeColorMode: 'standard', orientation: 'auto' },
  reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
};

function drawn(dashboard: Dashboard, panel: Panel, id: number, x: number, y: number): Record<string, unknown> {
  const { title, kind, unit = 'short', width = 12, height = 8, description = '' } = panel;
  const custom =
    kind === 'bars' ? { custom: { drawStyle: 'bars', fillOpacity: 80, stacking: { mode: 'normal' } } } : {};
  const options = kind === 'stat' ? { options: STAT } : {};
  return {
    id,
    title,
    description,
    type: kind === 'bars' ? 'timeseries' : kind,
    datasource: { type: dashboard.source, uid: CHOSEN_SOURCE },
    gridPos: { x, y, w: width, h: height },
    fieldConfig: { defaults: { unit, ...custom }, overrides: [] },
    ...options,
    targets: [target(dashboard, panel)],
  };
}

function laidOut(dashboard: Dashboard): Record<string, unknown>[] {
  let [x, y, rowHeight] = [0, 0, 0];
  return dashboard.panels.map((panel, index) => {
    const { width = 12, height = 8 } = panel;
    if (x + width > GRID_WIDTH) [x, y, rowHeight] = [0, y + rowHeight, 0];
    const json = drawn(dashboard, panel, index + 1, x, y);
    x += width;
    rowHeight = Math.max(rowHeight, height);
    return json;
  });
}

/** The variable that panels name by `$agent`, as a list with All. */
const AGENTS =
  'SELECT DISTINCT agent_id FROM call_hours WHERE hour > now() - INTERVAL 30 DAY ORDER BY agent_id LIMIT 1000';

function variables({ source, panels }: Dashboard): Record<string, unknown>[] {
  const chosen = { name: 'source', label: 'Data source', type: 'datasource', query: source };
  if (!panels.some(({ query }) => query.includes('$agent'))) return [chosen];
  const datasource = { type: source, uid: CHOSEN_SOURCE };
  const all = { multi: true, includeAll: true, current: { text: 'All', value: '$__all' }, refresh: 2, sort: 1 };
  return [
    chosen,
    { name: 'agent', label: 'Agent', type: 'query', datasource, definition: AGENTS, query: { rawSql: AGENTS }, ...all },
  ];
}

/** The file that Grafana imports. */
export function grafanaJson(dashboard: Dashboard): string {
  const json = {
    uid: `bittern-${dashboard.name}`,
    title: dashboard.title,
    tags: ['bittern'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    timezone: 'utc',
    time: { from: dashboard.from, to: 'now' },
    refresh: '1m',
    annotations: { list: [] },
    templating: { list: variables(dashboard) },
    panels: laidOut(dashboard),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}
