/** What settings there are, read off the schema: for environment variables, the example file and the documentation. */
import { z } from 'zod';
import { configSchema } from './schema.ts';

export interface Setting {
  /** `capture.frameDelayMs` */
  readonly path: string;
  readonly type: 'text' | 'integer' | 'number' | 'boolean' | 'list' | 'map';
  readonly description: string;
  readonly default: unknown;
  /** Environment variables that set it. */
  readonly variables: readonly string[];
}

export interface Section {
  readonly name: string;
  readonly description: string;
  readonly settings: readonly Setting[];
}

interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: unknown;
}

const WELL_KNOWN: Readonly<Record<string, readonly string[]>> = { 'clickhouse.url': ['CLICKHOUSE_URL'] };

export function environmentName(path: string): string {
  return `BITTERN_${path
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('.', '_')
    .toUpperCase()}`;
}

function typeOf(schema: JsonSchema): Setting['type'] {
  switch (schema.type) {
    case 'integer':
    case 'number':
    case 'boolean':
      return schema.type;
    case 'array':
      return 'list';
    case 'object':
      return 'map';
    default:
      return 'text';
  }
}

function isSection(schema: JsonSchema): boolean {
  return schema.properties !== undefined;
}

function settingOf(path: string, schema: JsonSchema): Setting {
  return {
    path,
    type: typeOf(schema),
    description: schema.description ?? '',
    default: schema.default,
    variables: [environmentName(path), ...(WELL_KNOWN[path] ?? [])],
  };
}

function collect(prefix: string, schema: JsonSchema): Setting[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
    isSection(child) ? collect(`${prefix}${name}.`, child) : [settingOf(prefix + name, child)],
  );
}

let sections: readonly Section[] | null = null;

/** The settings by top-level section, in the schema's order; settings without a section come first, under ''. */
export function sectionsOf(): readonly Section[] {
  if (sections !== null) return sections;
  const root = z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema;
  const entries = Object.entries(root.properties ?? {});
  sections = [
    {
      name: '',
      description: '',
      settings: entries.filter(([, child]) => !isSection(child)).map(([name, child]) => settingOf(name, child)),
    },
    ...entries
      .filter(([, child]) => isSection(child))
      .map(([name, child]) => ({ name, description: child.description ?? '', settings: collect(`${name}.`, child) })),
  ];
  return sections;
}

export function settingsOf(): readonly Setting[] {
  return sectionsOf().flatMap((section) => section.settings);
}
