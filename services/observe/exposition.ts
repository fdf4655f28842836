/**
 * The Prometheus text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats):
 *
 *     # HELP name text            \ and line feed escaped
 *     # TYPE name counter
 *     name{label="value",…} 1.5   \, " and line feed escaped in values
 */
import { type Labels, METRICS, type MetricDefinition, type Sample } from './metrics.ts';

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Metrics in the order of the catalogue; those without a sample are left out. */
export function renderMetrics(samples: Iterable<Sample>): string {
  const byName = Map.groupBy(samples, (each) => each.name);
  const lines: string[] = [];
  for (const [name, definition] of Object.entries(METRICS) as [Sample['name'], MetricDefinition][]) {
    const found = byName.get(name);
    if (found === undefined) continue;
    lines.push(`# HELP ${name} ${definition.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`);
    lines.push(`# TYPE ${name} ${definition.type}`);
    for (const each of found) lines.push(...renderSample(each, definition));
  }
  return `${lines.join('\n')}\n`;
}

function renderSample({ name, labels, value, count }: Sample, definition: MetricDefinition): string[] {
  const told = renderLabels(name, labels, definition.labels);
  if (definition.type !== 'summary') return [`${name}${told} ${value}`];
  return [`${name}_sum${told} ${value}`, `${name}_count${told} ${count ?? 0}`];
}

function renderLabels(name: string, labels: Labels, wanted: readonly string[]): string {
  const given = Object.keys(labels);
  if (given.length !== wanted.length || wanted.some((each) => labels[each] === undefined))
    throw new RangeError(`${name} has the labels ${wanted.join()}, not ${given.join()}`);
  if (wanted.length === 0) return '';
  return `{${wanted.map((each) => `${each}="${escapeValue(String(labels[each]))}"`).join(',')}}`;
}

export function escapeValue(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
