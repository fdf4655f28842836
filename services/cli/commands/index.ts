/**
 * All commands, in the order in which the help lists them. A new command is a file here and a line below. A command's code is
 * loaded when it is asked for: with all of them a start would take several times as long.
 */
import type { CommandBody } from '../command.ts';

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<CommandBody>;
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'demo',
    summary: 'See it work: replay the bundled capture, show what happened, serve the API',
    load: async () => (await import('./demo.ts')).demo,
  },
  {
    name: 'replay',
    summary: 'Store the calls in capture files',
    load: async () => (await import('./replay.ts')).replay,
  },
  {
    name: 'capture',
    summary: 'Capture live from a network interface',
    load: async () => (await import('./capture.ts')).capture,
  },
  {
    name: 'up',
    summary: 'Run all stages in one process: live capture, store, API',
    load: async () => (await import('./up.ts')).up,
  },
  { name: 'calls', summary: 'List calls, the newest first', load: async () => (await import('./calls.ts')).calls },
  { name: 'call', summary: 'Show one call whole', load: async () => (await import('./call.ts')).call },
  {
    name: 'sessions',
    summary: 'List sessions (conversations), the newest first',
    load: async () => (await import('./sessions.ts')).sessions,
  },
  {
    name: 'session',
    summary: 'Tell one session: turns, tool calls, subagents, costs',
    load: async () => (await import('./session.ts')).session,
  },
  {
    name: 'tail',
    summary: 'Print calls and findings as they come',
    load: async () => (await import('./tail.ts')).tail,
  },
  {
    name: 'findings',
    summary: 'List findings: loops, storms, and what the rules saw',
    load: async () => (await import('./findings.ts')).findings,
  },
  {
    name: 'finding',
    summary: 'Show one finding with its evidence',
    load: async () => (await import('./finding.ts')).finding,
  },
  {
    name: 'silence',
    summary: 'Silence alerts for a while: add, list, end',
    load: async () => (await import('./silence.ts')).silence,
  },
  {
    name: 'rules',
    summary: 'List the rules in SQL, or try them on what is stored',
    load: async () => (await import('./rules.ts')).rules,
  },
  {
    name: 'agents',
    summary: 'List agents, and give them names, owners and teams',
    load: async () => (await import('./agents.ts')).agents,
  },
  {
    name: 'map',
    summary: 'Show who calls which server, and what software that is',
    load: async () => (await import('./map.ts')).map,
  },
  { name: 'sql', summary: 'Ask the database in SQL', load: async () => (await import('./sql.ts')).sql },
  {
    name: 'doctor',
    summary: 'Check this machine and what the capture missed',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'config',
    summary: 'Show the configuration in force, or an example file',
    load: async () => (await import('./config.ts')).config,
  },
  {
    name: 'frames',
    summary: 'Show the frames that a capture file becomes',
    load: async () => (await import('./frames.ts')).frames,
  },
  {
    name: 'reassembler',
    summary: 'Run one reassembler on Kafka: frames in, calls out',
    load: async () => (await import('./reassembler.ts')).reassembler,
  },
  {
    name: 'sink',
    summary: 'Run one sink: calls from Kafka into ClickHouse, or what is stored to OpenTelemetry',
    load: async () => (await import('./sink.ts')).sink,
  },
  {
    name: 'tracker',
    summary: 'One stage: from stored calls to sessions, turns, tool calls, findings',
    load: async () => (await import('./tracker.ts')).tracker,
  },
  {
    name: 'alerts',
    summary: 'Run the rules and send alerts, as a stage of its own',
    load: async () => (await import('./alerts.ts')).alerts,
  },
  {
    name: 'topics',
    summary: "Check Bittern's Kafka topics, or create them",
    load: async () => (await import('./topics.ts')).topics,
  },
  {
    name: 'lag',
    summary: 'Show how far the stages are behind, by partition',
    load: async () => (await import('./lag.ts')).lag,
  },
  { name: 'dlq', summary: 'List, show and replay dead letters', load: async () => (await import('./dlq.ts')).dlq },
];
