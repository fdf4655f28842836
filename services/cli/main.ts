/** The `bittern` command: finds the command, reads the configuration, runs it, and turns errors into sentences and exit codes. */
import { BitternError } from '../common/errors.ts';
import { loadConfig } from '../config/load.ts';
import { type Command, type Context, EXIT, helpOf, parseArguments } from './command.ts';
import { COMMANDS } from './commands/index.ts';

const VERSION = '0.1.0';

function overview(): string {
  const width = Math.max(...COMMANDS.map((command) => command.name.length));
  return [
    'bittern: sees the LLM calls of AI agents in a copy of the traffic.',
    '',
    'Usage: bittern COMMAND [arguments]',
    '',
    ...COMMANDS.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`),
    '',
    "'bittern COMMAND --help' explains one command with examples. New here? Run 'bittern demo'.",
    '',
    'Exit codes: 0 done (also when the capture was damaged: the damage is reported), 1 failed, 2 wrong usage or configuration,',
    '3 not found, 4 doctor found problems, 130 interrupted after storing what was there.',
  ].join('\n');
}

async function commandOf(name: string): Promise<Command | null> {
  const entry = COMMANDS.find((each) => each.name === name);
  return entry === undefined ? null : { ...(await entry.load()), name, summary: entry.summary };
}

function settingOverrides(command: Command, args: ReturnType<typeof parseArguments>): Record<string, unknown> {
  const overrides: Record<string, unknown> = { dataDir: args.text('data') };
  for (const [option, path] of Object.entries(command.settings ?? {}))
    overrides[path] = command.options[option]?.multiple ? listed(args.texts(option)) : args.text(option);
  return overrides;
}

/** A setting may name several, with commas between. */
function listed(values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : values.join(',');
}

/** The first signal asks for an orderly end; a second one ends the process at once. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted);
      controller.abort();
    });
  }
  return controller.signal;
}

function describe(error: unknown): { text: string; exitCode: number } {
  if (error instanceof BitternError) {
    const usage = error.code === 'BIT_USAGE' || error.code === 'BIT_CONFIG_INVALID';
    return {
      text: `bittern: ${error.message}${usage ? '' : ` [${error.code}]`}`,
      exitCode: usage ? EXIT.usage : EXIT.failed,
    };
  }
  return {
    text: `bittern: unexpected error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    exitCode: EXIT.failed,
  };
}

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const wanted = await commandOf(rest[0] ?? '');
    process.stdout.write(`${wanted === null ? overview() : helpOf(wanted)}\n`);
    return EXIT.ok;
  }
  if (name === '--version' || name === 'version') {
    process.stdout.write(`bittern ${VERSION}\n`);
    return EXIT.ok;
  }
  const command = await commandOf(name);
  if (command === null) throw new BitternError('BIT_USAGE', `There is no command '${name}'. See 'bittern --help'.`);
  const args = parseArguments(command, rest);
  if (args.flag('help')) {
    process.stdout.write(`${helpOf(command)}\n`);
    return EXIT.ok;
  }
  const loaded = await loadConfig({ file: args.text('config'), overrides: settingOverrides(command, args) });
  const context: Context = {
    args,
    loaded,
    signal: abortOnSignals(),
    json: args.flag('json'),
    print: (line) => process.stdout.write(`${line}\n`),
    note: (line) => process.stderr.write(`${line}\n`),
  };
  return command.run(context);
}

// A reader that goes away (`bittern calls | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed);
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const { text, exitCode } = describe(error);
  process.stderr.write(`${text}\n`);
  process.exitCode = exitCode;
}
