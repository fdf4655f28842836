/** Prints the configuration: what is in force and where it comes from, or an example file with every setting explained. */
import { stringify } from 'yaml';
import { type Setting, sectionsOf } from './describe.ts';
import type { LoadedConfig } from './load.ts';
import type { Config } from './schema.ts';

const SECRETS: ReadonlySet<string> = new Set(['clickhouse.url', 'alerts.receivers']);
const COMMENT_WIDTH = 110;
/** Defaults that each machine has its own of. */
const OF_THE_MACHINE: Readonly<Record<string, string>> = {
  'capture.probe': "the machine's name",
};

function valueAt(config: Config, path: string): unknown {
  let at: unknown = config;
  for (const name of path.split('.')) at = (at as Record<string, unknown> | undefined)?.[name];
  return at;
}

/** Of a list of receivers their kinds and names: their addresses and header fields are secrets. */
function withoutSecrets(value: unknown): unknown {
  if (!Array.isArray(value)) return withoutCredentials(String(value));
  return value.map(({ type, name }: { type?: unknown; name?: unknown }) => `${type} ${name} (address hidden)`);
}

/** A URL without its user and password; anything else unchanged. */
export function withoutCredentials(text: string): string {
  try {
    const url = new URL(text);
    if (url.password !== '' || url.username !== '') {
      url.username = '';
      url.password = '';
      return `${url.href} (credentials hidden)`;
    }
    return text;
  } catch {
    return text === '' ? '' : '(hidden)';
  }
}

/** The settings in force as flat rows. Secrets are hidden. */
export function effectiveSettings(loaded: LoadedConfig): { path: string; value: unknown; source: string }[] {
  return sectionsOf()
    .flatMap((section) => section.settings)
    .map(({ path }) => {
      const value = valueAt(loaded.config, path);
      return {
        path,
        value: SECRETS.has(path) ? withoutSecrets(value) : value,
        source: loaded.sources.get(path) ?? sourceOfMap(loaded, path) ?? 'default',
      };
    });
}

/** The entries of a map setting are recorded one by one below its path. */
function sourceOfMap(loaded: LoadedConfig, path: string): string | undefined {
  for (const [name, source] of loaded.sources) if (name.startsWith(`${path}.`)) return source;
  return undefined;
}

function wrap(text: string, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + word.length + 1 > COMMENT_WIDTH) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '') lines.push(line);
  return lines.map((each) => `${indent}# ${each}`).join('\n');
}

function renderSettings(settings: readonly Setting[], prefix: string, indent: string): string[] {
  const lines: string[] = [];
  const groups = new Map<string, Setting[]>();
  for (const setting of settings) {
    const [head = '', ...rest] = setting.path.slice(prefix.length).split('.');
    if (rest.length > 0) {
      groups.set(head, [...(groups.get(head) ?? []), setting]);
      continue;
    }
    lines.push(wrap(`${setting.description} [${setting.variables.join(', ')}]`, indent));
    const value = stringify(
      { [head]: setting.default },
      { flowCollectionPadding: false, collectionStyle: 'flow', lineWidth: 0 },
    );
    lines.push(`${indent}${value.trim().replace(/^\{(.*)\}$/s, '$1')}`, '');
  }
  for (const [head, members] of groups) {
    lines.push(`${indent}${head}:`, ...renderSettings(members, `${prefix}${head}.`, `${indent}  `));
  }
  return lines;
}

/** A complete configuration file: every setting with its default, its meaning and its environment variable. */
export function exampleFile(): string {
  const lines = [
    '# Bittern configuration. Every setting is optional; what stands here are the defaults.',
    '# Precedence: command line, then environment variable (in brackets), then this file.',
    '',
  ];
  for (const section of sectionsOf()) {
    if (section.name === '') {
      lines.push(...renderSettings(section.settings, '', ''));
      continue;
    }
    lines.push(
      wrap(section.description, ''),
      `${section.name}:`,
      ...renderSettings(section.settings, `${section.name}.`, '  '),
    );
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

/** docs/configuration.md */
export function configurationPage(): string {
  const lines = [
    '# Configuration',
    '',
    'One file, `bittern.yaml` in the folder where `bittern` is started (or `--config FILE`), and environment variables over it.',
    'Every setting is optional. `bittern config` shows what is in force and where each value comes from, `bittern config --example`',
    'prints a file with everything explained. All errors are told at once, by path. This page is made by `bittern config --markdown`.',
    '',
    'Lists in variables are separated by commas; maps are `name=value` pairs separated by commas. Sizes are in bytes, times in the',
    "unit that ends the setting's name.",
  ];
  for (const section of sectionsOf()) {
    lines.push('', section.name === '' ? '## General' : `## \`${section.name}\``, '');
    if (section.description !== '') lines.push(section.description, '');
    lines.push('| setting | default | variable | meaning |', '|---|---|---|---|');
    for (const setting of section.settings) {
      const value = OF_THE_MACHINE[setting.path] ?? `\`${JSON.stringify(setting.default)}\``;
      const variables = setting.variables.map((name) => `\`${name}\``).join(', ');
      lines.push(`| \`${setting.path}\` | ${value} | ${variables} | ${setting.description.replaceAll('|', '\\|')} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}
