import { claudeCode } from '../clients/claude-code.ts';
import { geminiCli, ROUTER } from '../clients/gemini-cli.ts';
import { opencode } from '../clients/opencode.ts';
import { chatSdk, messagesSdk } from '../clients/plain.ts';
import { Line, type ScriptedTool } from '../line.ts';
import { finding, read, type Situation, times } from './situation.ts';

function agent(line: Line, task: string, act: (child: Line) => void): ScriptedTool {
  const { spawn } = line.client;
  return {
    name: spawn!.tool,
    args: { description: 'Look', [spawn!.task]: task },
    agent: (child) => {
      child.user(task);
      act(child);
      child.says(`Done: ${task}`);
    },
  };
}

export const AGENTS: readonly Situation[] = [
  {
    name: 'a loop inside a subagent',
    what: 'A subagent reads the same file five times.',
    expects: [finding('exact_repeat', 'alert', 5)],
    why: 'Subagents are watched as their parents are.',
    clients: [claudeCode, opencode, geminiCli, chatSdk],
    play: (line) => {
      line.user('Go');
      line.asks([agent(line, 'Read it with care', (child) => times(5, () => read(child)))]);
      line.says('Done.');
    },
  },
  {
    name: 'subagents that read the same',
    what: 'Four subagents at once read the same file, twice each.',
    expects: [],
    why: 'Each has to read it for itself.',
    clients: [claudeCode, opencode],
    play: (line) => {
      line.user('Go');
      line.asks(
        ['one', 'two', 'three', 'four'].map((task) => agent(line, task, (child) => times(2, () => read(child)))),
      );
      line.says('Done.');
    },
  },
  {
    name: 'fan-out',
    what: 'One turn starts twelve subagents.',
    expects: [finding('subagent_fanout', 'note', 12)],
    why: 'More than ten are worth a note.',
    clients: [claudeCode, chatSdk],
    play: (line) => {
      line.user('Go');
      line.asks(Array.from({ length: 12 }, (_, at) => agent(line, `Part number ${at}`, () => {})));
      line.says('Done.');
    },
  },
  {
    name: 'a few subagents',
    what: 'One turn starts four subagents.',
    expects: [],
    why: 'A few are usual.',
    clients: [claudeCode],
    play: (line) => {
      line.user('Go');
      line.asks(Array.from({ length: 4 }, (_, at) => agent(line, `Part number ${at}`, () => {})));
      line.says('Done.');
    },
  },
  {
    name: 'a swarm that does the same',
    what: 'Six equal agents behind one address and key read the same file once each.',
    expects: [],
    why: 'No agent repeats anything.',
    clients: [messagesSdk],
    play: (line) => {
      line.user('Work on the queue');
      read(line).says('Done.');
      times(5, (at) => {
        const other = line.stage.begin(line.session.who, at * 200_000);
        other.user('Work on the queue');
        read(other).says('Done.');
      });
    },
  },
  {
    name: 'threads of one session that do the same',
    what: 'Three conversations under one session header read the same file twice each.',
    expects: [],
    why: 'Threads are told apart.',
    clients: [chatSdk],
    play: (line) => {
      times(2, (at) => {
        const other = new Line(line.stage, line.session, null, line.clock + at * 300_000);
        other.user(`Go, number ${at}`);
        times(2, () => read(other));
        other.says('Done.');
      });
      line.user('Go');
      times(2, () => read(line));
      line.says('Done.');
    },
  },
  {
    name: 'side calls that repeat',
    what: 'A router says the same before each of eight turns.',
    expects: [],
    why: 'Side calls tell nothing of the story.',
    clients: [geminiCli],
    play: (line) =>
      times(8, (at) => {
        line.user(`Question ${'x'.repeat(at + 1)}`);
        line.side('router', ROUTER);
        line.says(`Answer ${'y'.repeat(at + 1)}`).waits(10);
      }),
  },
];
