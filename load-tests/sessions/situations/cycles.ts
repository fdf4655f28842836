import { claudeCode } from '../clients/claude-code.ts';
import { chatSdk, geminiSdk, responsesSdk } from '../clients/plain.ts';
import type { Line } from '../line.ts';
import { CHAT, CODE, finding, read, type Situation, times } from './situation.ts';

const around = (line: Line, rounds: number, paths: readonly string[]): Line => {
  line.user('Go');
  times(rounds, () => paths.forEach((path) => void read(line, path, `${CODE} ${path}`)));
  return line.says('Done.');
};

export const CYCLES: readonly Situation[] = [
  {
    name: 'A-B-A-B',
    what: 'Two files are read in turn, five times each.',
    expects: [finding('cycle', 'alert', 5)],
    why: 'One cycle, and not two repeats besides.',
    clients: [chatSdk, geminiSdk, responsesSdk, claudeCode],
    play: (line) => around(line, 5, ['a', 'b']),
  },
  {
    name: 'A-B-C',
    what: 'Three files in turn, three times.',
    expects: [finding('cycle', 'note', 3)],
    why: 'Three rounds.',
    clients: CHAT,
    play: (line) => around(line, 3, ['a', 'b', 'c']),
  },
  {
    name: 'A-B-C-D',
    what: 'Four files in turn, five times.',
    expects: [finding('cycle', 'alert', 5), finding('context_growth', 'note', 16)],
    why: 'A cycle; sixteen steps in a row bring nothing new.',
    clients: CHAT,
    play: (line) => around(line, 5, ['a', 'b', 'c', 'd']),
  },
  {
    name: 'two rounds',
    what: 'Two files in turn, twice.',
    expects: [],
    why: 'Two rounds are no loop.',
    clients: CHAT,
    play: (line) => around(line, 2, ['a', 'b']),
  },
  {
    name: 'a cycle of six',
    what: 'Six files in turn, three times.',
    expects: [finding('cycle', 'note', 3), finding('context_growth', 'note', 12)],
    why: 'Long cycles are one finding as well.',
    clients: CHAT,
    play: (line) => around(line, 3, ['a', 'b', 'c', 'd', 'e', 'f']),
  },
  {
    name: 'the same edit and the same test',
    what: 'The same edit and the same failing test, five times.',
    expects: [finding('cycle', 'alert', 5)],
    why: 'Equal edits change nothing any more.',
    clients: [chatSdk, claudeCode],
    play: (line) => {
      line.user('Fix it');
      times(5, () => {
        line.uses('edit_file', { path: 'a.ts', text: 'x' }, 'Edited.');
        line.uses('bash', { command: 'npm test' }, 'Error: expected 1 to be 2', true);
      });
      line.says('I give up.');
    },
  },
  {
    name: 'test, edit, test',
    what: 'The tests fail in the same way six times, with another edit in between each time.',
    expects: [],
    why: 'Work: each try is another one.',
    clients: [chatSdk, claudeCode],
    play: (line) => {
      line.user('Fix it');
      times(6, (at) => {
        line.uses('bash', { command: 'npm test' }, 'Error: expected 1 to be 2', true);
        line.uses('edit_file', { path: 'a.ts', text: `try ${at}` }, 'Edited.');
      });
      line.uses('bash', { command: 'npm test' }, 'all passed').says('Fixed.');
    },
  },
  {
    name: 'a cycle with changing results',
    what: 'Two queries in turn, five times, each time with other rows.',
    expects: [],
    why: 'What is seen changes.',
    clients: [chatSdk, geminiSdk],
    play: (line) => {
      line.user('Watch them');
      times(5, (at) => {
        line.uses('query', { table: 'a' }, `rows: ${'a'.repeat(at + 1)}`);
        line.uses('query', { table: 'b' }, `rows: ${'b'.repeat(at + 1)}`);
      });
      line.says('Done.');
    },
  },
  {
    name: 'sleep and status, getting on',
    what: 'Sleep and ask for the status, ten times; the status changes each time.',
    expects: [],
    why: 'The agent waits for something that gets on.',
    clients: [chatSdk, claudeCode],
    play: (line) => {
      line.user('Wait for the build');
      times(10, (at) => {
        line.uses('bash', { command: 'sleep 5' }, '(no output)');
        line.uses('build_status', { id: 7 }, `step ${'x'.repeat(at + 1)}`);
      });
      line.says('Built.');
    },
  },
  {
    name: 'sleep and status, stuck',
    what: 'Sleep and ask for the status, five times; it stays as it is.',
    expects: [finding('cycle', 'alert', 5)],
    why: 'Nothing gets on.',
    clients: CHAT,
    play: (line) => {
      line.user('Wait for the build');
      times(5, () => {
        line.uses('bash', { command: 'sleep 5' }, '(no output)');
        line.uses('build_status', { id: 7 }, 'queued');
      });
      line.says('Not built.');
    },
  },
  {
    name: 'two tools at once, again and again',
    what: 'One answer asks for two reads, five times.',
    expects: [finding('cycle', 'alert', 5)],
    why: 'The same pair each time: one cycle.',
    clients: [chatSdk, geminiSdk],
    play: (line) => {
      line.user('Go');
      const tools = ['a', 'b'].map((path) => ({ name: 'read_file', args: { path }, result: CODE }));
      times(5, () => line.asks(tools));
      line.says('Done.');
    },
  },
];
