/** What a command of `bittern` is, how its arguments are read, and how its help is printed. */
import { parseArgs } from 'node:util';
import { BitternError } from '../common/errors.ts';
import type { LoadedConfig } from '../config/load.ts';

/** Exit codes. Scripts rely on them; they are documented in `bittern help`. */
export const EXIT = {
  ok: 0,
  /** Something failed; the reason is on standard error. */
  failed: 1,
  /** Wrong usage or an invalid configuration. */
  usage: 2,
  /** What was asked for isn't there (an unknown call id, …). */
  notFound: 3,
  /** `bittern doctor` found problems. */
  unhealthy: 4,
  /** Ended by Ctrl-C or SIGTERM after storing what was there. */
  interrupted: 130,
} as const;

/** How long a process that was asked to end may take, ms: supervisors often wait for ten seconds before they kill. */
export const STOP_MS_MAX = 9_000;

export interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** Placeholder of the value in the help: `DIR`. */
  readonly value?: string;
  readonly description: string;
  readonly multiple?: boolean;
}

export interface Arguments {
  readonly positionals: readonly string[];
  /** The value of a string option, or undefined. */
  text(name: string): string | undefined;
  /** All values of a repeated option. */
  texts(name: string): readonly string[];
  flag(name: string): boolean;
  /** @throws BitternError BIT_USAGE when the value isn't a whole number from min to max */
  integer(name: string, min: number, max: number): number | undefined;
}

export interface Context {
  readonly args: Arguments;
  readonly loaded: LoadedConfig;
  /** Aborted by Ctrl-C or SIGTERM: finish what is in hand and return. */
  readonly signal: AbortSignal;
  /** Programs want JSON: `--json`. */
  readonly json: boolean;
  /** Prints a line to standard output. */
  print(line: string): void;
  /** Says something on standard error, so that it never mixes with data: a line for people, or an event of the log. */
  note(line: string): void;
  /** The same for what failed while the process goes on. */
  warn(line: string): void;
}

/** What the file of a command holds; its name and summary are in the list of commands. */
export interface CommandBody {
  /** After `bittern NAME`: `FILE…|- [options]`. */
  readonly usage: string;
  /** A paragraph or two that teach. */
  readonly details: string;
  readonly options: Readonly<Record<string, Option>>;
  /** Command line and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  readonly positionals: { readonly min: number; readonly max: number };
  /** Command-line options that override settings: option name → setting path. */
  readonly settings?: Readonly<Record<string, string>>;
  /** True: it runs until it is stopped, and then ends within `STOP_MS_MAX`, whatever is down. */
  readonly service?: boolean;
  run(context: Context): Promise<number>;
}

export interface Command extends CommandBody {
  readonly name: string;
  readonly summary: string;
}

/** Options that every command takes. */
export const COMMON_OPTIONS: Readonly<Record<string, Option>> = {
  config: { type: 'string', value: 'FILE', description: 'configuration file (default: bittern.yaml if there is one)' },
  data: { type: 'string', value: 'DIR', description: 'data folder of the embedded ClickHouse (setting dataDir)' },
  json: { type: 'boolean', description: 'print JSON for programs instead of text for people' },
  log: { type: 'string', value: 'FORMAT', description: 'auto, json or text on standard error (setting observe.log)' },
  help: { type: 'boolean', short: 'h', description: 'explain this command' },
};

export function usageError(message: string): BitternError {
  return new BitternError('BIT_USAGE', message);
}

/** @throws BitternError BIT_USAGE for unknown options or a wrong number of arguments */
export function parseArguments(command: Command, argv: readonly string[]): Arguments {
  const options = { ...COMMON_OPTIONS, ...command.options };
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(options).map(([name, option]) => [
          name,
          {
            type: option.type,
            multiple: option.multiple ?? false,
            ...(option.short === undefined ? {} : { short: option.short }),
          },
        ]),
      ),
    });
  } catch (error) {
    throw usageError(`${(error as Error).message.split('. To specify')[0]}. See 'bittern ${command.name} --help'.`);
  }
  const values = parsed.values as Readonly<Record<string, string | boolean | string[] | undefined>>;
  const { min, max } = command.positionals;
  const given = parsed.positionals.length;
  if (values.help !== true && (given < min || given > max)) {
    throw usageError(`Usage: bittern ${command.name} ${command.usage}. See 'bittern ${command.name} --help'.`);
  }
  return makeArguments(parsed.positionals, values);
}

function makeArguments(
  positionals: readonly string[],
  values: Readonly<Record<string, string | boolean | string[] | undefined>>,
): Arguments {
  const text = (name: string): string | undefined => (typeof values[name] === 'string' ? values[name] : undefined);
  return {
    positionals,
    text,
    texts: (name) => (Array.isArray(values[name]) ? values[name] : []),
    flag: (name) => values[name] === true,
    integer: (name, min, max) => {
      const value = text(name);
      if (value === undefined) return undefined;
      const number = Number(value);
      if (!/^\d+$/.test(value) || number < min || number > max) {
        throw usageError(`--${name} must be a whole number from ${min} to ${max}, not '${value}'.`);
      }
      return number;
    },
  };
}

function optionLines(options: Readonly<Record<string, Option>>): string[] {
  const names = Object.entries(options).map(([name, option]) => {
    const short = option.short === undefined ? '    ' : `-${option.short}, `;
    return [`  ${short}--${name}${option.value === undefined ? '' : ` ${option.value}`}`, option.description] as const;
  });
  const width = Math.max(...names.map(([name]) => name.length));
  return names.map(([name, description]) => `${name.padEnd(width)}  ${description}`);
}

export function helpOf(command: Command): string {
  const lines = [
    `bittern ${command.name} ${command.usage}`.trimEnd(),
    '',
    `${command.summary}.`,
    '',
    command.details,
    '',
  ];
  if (Object.keys(command.options).length > 0) lines.push('Options:', ...optionLines(command.options), '');
  lines.push('Common options:', ...optionLines(COMMON_OPTIONS));
  if (command.examples.length > 0) {
    lines.push('', 'Examples:');
    for (const [line, meaning] of command.examples) lines.push(`  ${line}`, `      ${meaning}`);
  }
  return lines.join('\n');
}
