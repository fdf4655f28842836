/** The `bittern` command: finds the command, reads the configuration, runs it, and turns errors into sentences and exit codes. */
import { BitternError } from '../common/errors.ts';
import { loadConfig } from '../config/load.ts';
import { type Log, openLog, textLog, USAGE } from '../observe/log.ts';
import { type Command, type Context, EXIT, helpOf, parseArguments, STOP_MS_MAX } from './command.ts';
import { COMMANDS } from './commands/index.ts';
import { VERSION } from './version.ts';

/** What still runs when a command is done (a client that wants to connect again) may take so long to end by itself, ms. */
const LINGER_MS = 500;

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
  const overrides: Record<string, unknown> = { dataDir: args.text('data'), 'observe.log': args.text('log') };
  for (const [option, path] of Object.entries(command.settings ?? {}))
    overrides[path] = command.options[option]?.multiple ? listed(args.texts(option)) : args.text(option);
  return overrides;
}

/** A setting may name several, with commas between. */
function listed(values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : values.join(',');
}

/** The first signal asks for an orderly end; a second one ends the process at once, and so does time with a service. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  const overdue = (): void => {
    log.fail(new BitternError('BIT_STOP_OVERDUE', `It did not end within ${STOP_MS_MAX} ms, and is ended.`));
    process.exit(EXIT.failed);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted);
      if (service) setTimeout(overdue, STOP_MS_MAX).unref();
      controller.abort();
    });
  }
  return controller.signal;
}

/** Until the configuration says how: for people. */
let log: Log = textLog((line) => process.stderr.write(`${line}\n`));
let service = false;

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
  service = command.service ?? false;
  log = await openLog({ format: loaded.config.observe.log, service, stage: name });
  const context: Context = {
    args,
    loaded,
    signal: abortOnSignals(),
    json: args.flag('json'),
    print: (line) => process.stdout.write(`${line}\n`),
    note: (line) => log.note(line),
    warn: (line) => log.warn(line),
  };
  return command.run(context);
}

function exitCodeOf(error: unknown): number {
  return error instanceof BitternError && USAGE.has(error.code) ? EXIT.usage : EXIT.failed;
}

// A reader that goes away (`bittern calls | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed);
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  log.fail(error);
  process.exitCode = exitCodeOf(error);
}
// A client that wants to connect again, and again, doesn't keep a process alive that is done.
if (service) setTimeout(() => process.exit(), LINGER_MS).unref();
