/** Writes dashboards/*.json: node services/dashboards/write.ts. A test compares the files with what this makes. */
import { writeFileSync } from 'node:fs';
import { AGENTS, CAPTURE, COST, LATENCY, OVERVIEW } from './calls.ts';
import { type Dashboard, grafanaJson } from './panel.ts';
import { PROCESSES } from './processes.ts';

export const DASHBOARDS: readonly Dashboard[] = [OVERVIEW, LATENCY, COST, AGENTS, CAPTURE, PROCESSES];

export function fileOf(dashboard: Dashboard): URL {
  return new URL(`../../dashboards/${dashboard.name}.json`, import.meta.url);
}

if (import.meta.main) for (const dashboard of DASHBOARDS) writeFileSync(fileOf(dashboard), grafanaJson(dashboard));
