import { chained } from '../clients/chained.ts';
import { claudeCode } from '../clients/claude-code.ts';
import { codex } from '../clients/codex.ts';
import { geminiCli } from '../clients/gemini-cli.ts';
import { chatSdk, geminiSdk, messagesSdk, responsesSdk } from '../clients/plain.ts';
import { CHAT, CODE, finding, read, type Situation, times } from './situation.ts';

const ALL = [chatSdk, messagesSdk, responsesSdk, geminiSdk, chained, claudeCode, codex, geminiCli];

export const REPEATS: readonly Situation[] = [
  {
    name: 'read twice',
    what: 'The same file is read twice.',
    expects: [],
    why: 'Twice is no loop.',
    clients: CHAT,
    play: (line) => {
      line.user('Go');
      times(2, () => read(line));
      line.says('Done.');
    },
  },
  {
    name: 'exact repeat of 3',
    what: 'The same file is read three times, with the same text.',
    expects: [finding('exact_repeat', 'note', 3)],
    why: 'Nothing in between can have changed the file.',
    clients: CHAT,
    play: (line) => {
      line.user('Go');
      times(3, () => read(line));
      line.says('Done.');
    },
  },
  {
    name: 'exact repeat of 5',
    what: 'The same file is read five times.',
    expects: [finding('exact_repeat', 'alert', 5)],
    why: 'The model forgets what it has read.',
    clients: ALL,
    play: (line) => {
      line.user('Go');
      times(5, () => read(line));
      line.says('Done.');
    },
  },
  {
    name: 'exact repeat of 20',
    what: 'The same file is read twenty times.',
    expects: [finding('exact_repeat', 'critical', 20), finding('context_growth', 'note', 19)],
    why: 'A runaway; each step also makes the context longer for nothing.',
    clients: [chatSdk, claudeCode],
    play: (line) => {
      line.user('Go');
      times(20, () => read(line, 'src/reed.ts', CODE.repeat(4)));
      line.says('Done.');
    },
  },
  {
    name: 'arguments in another order',
    what: 'Five equal calls whose arguments are written in two orders.',
    expects: [finding('exact_repeat', 'alert', 5)],
    why: 'Equal as JSON is equal.',
    clients: [chatSdk, messagesSdk],
    play: (line) => {
      line.user('Go');
      times(5, (at) =>
        line.uses('search', at % 2 === 0 ? { query: 'reed', page: 1 } : { page: 1, query: 'reed' }, 'none'),
      );
      line.says('Done.');
    },
  },
  {
    name: 'output with volatile parts',
    what: 'Five equal commands whose output differs in chunk id and wall time only.',
    expects: [finding('exact_repeat', 'alert', 5)],
    why: 'These parts differ at every run and say nothing.',
    clients: [codex],
    play: (line) => {
      line.user('Go');
      times(5, () => line.uses('bash', { command: 'ls' }, 'reed.ts'));
      line.says('Done.');
    },
  },
  {
    name: 'repeat with other results',
    what: 'Six equal searches, each with another result.',
    expects: [finding('exact_repeat', 'note', 6)],
    why: 'A search is no poll, but something changes: it counts half.',
    clients: CHAT,
    play: (line) => {
      line.user('Go');
      times(6, (at) => line.uses('search', { query: 'reed' }, `Found this time: ${'x'.repeat(at + 1)}`));
      line.says('Done.');
    },
  },
  {
    name: 'read again after an edit',
    what: 'Read, edit, read, edit …, eight times, each edit another one.',
    expects: [],
    why: 'The edit may have changed what is read.',
    clients: [chatSdk, claudeCode],
    play: (line) => {
      line.user('Go');
      times(8, (at) => {
        read(line);
        line.uses('edit_file', { path: 'src/reed.ts', text: `version ${at}` }, 'Edited.');
      });
      line.says('Done.');
    },
  },
  {
    name: 'pagination',
    what: 'Twelve pages of one search.',
    expects: [],
    why: 'Other arguments are other calls.',
    clients: CHAT,
    play: (line) => {
      line.user('Go');
      times(12, (page) => line.uses('search', { query: 'reed', page }, 'none'));
      line.says('Done.');
    },
  },
  {
    name: 'equal calls at once',
    what: 'One answer asks for the same read five times.',
    expects: [],
    why: 'The model had not seen a result yet: a waste, but no loop.',
    clients: [chatSdk, messagesSdk],
    play: (line) => {
      line.user('Go');
      line.asks(Array.from({ length: 5 }, () => ({ name: 'read_file', args: { path: 'a' }, result: CODE })));
      line.says('Done.');
    },
  },
  {
    name: 'once a turn',
    what: 'A person asks six times, and each time the same file is read.',
    expects: [],
    why: 'A person wants it; whatever comes after their words is no loop.',
    clients: [chatSdk, responsesSdk],
    play: (line) => {
      times(6, (at) => {
        line.user(`Question ${at}: what is in it?`);
        read(line);
        line.says(`It is answer ${'x'.repeat(at)}.`).waits(20);
      });
    },
  },
  {
    name: 'two loops one after the other',
    what: 'Five reads of one file, then five of another.',
    expects: [finding('exact_repeat', 'alert', 5), finding('exact_repeat', 'alert', 5)],
    why: 'Two loops are two findings.',
    clients: CHAT,
    play: (line) => {
      line.user('Go');
      times(5, () => read(line, 'a.ts'));
      times(5, () => read(line, 'b.ts'));
      line.says('Done.');
    },
  },
  {
    name: 'the same loop in two turns',
    what: 'Five reads of one file, a person speaks, four more reads of it.',
    expects: [finding('exact_repeat', 'alert', 9)],
    why: 'One finding a session and fingerprint, which goes on.',
    clients: CHAT,
    play: (line) => {
      line.user('Go');
      times(5, () => read(line));
      line.says('Done.').waits(60);
      line.user('Again, please');
      times(4, () => read(line));
      line.says('Done again.');
    },
  },
  {
    name: 'over a reconnect',
    what: 'Three reads, two minutes of silence and a new connection, three more.',
    expects: [finding('exact_repeat', 'alert', 6)],
    why: 'The connection tells nothing of the conversation.',
    clients: [chatSdk, geminiSdk],
    play: (line) => {
      line.user('Go');
      times(3, () => read(line));
      line.waits(120);
      times(3, () => read(line));
      line.says('Done.');
    },
  },
  {
    name: 'a pause longer than the quiet time',
    what: 'Three reads, a quarter of an hour of silence, three more.',
    expects: [finding('exact_repeat', 'alert', 6)],
    why: 'The finding is resolved in between and opens again: the agent has done nothing else.',
    clients: CHAT,
    play: (line) => {
      line.user('Go');
      times(3, () => read(line));
      line.waits(900);
      times(3, () => read(line));
      line.says('Done.');
    },
  },
  {
    name: 'a loop with transport retries',
    what: 'Five equal reads, and every request is refused once before.',
    expects: [finding('exact_repeat', 'alert', 5)],
    why: 'Attempts of one request are one step.',
    clients: [chatSdk, claudeCode],
    play: (line) => {
      line.user('Go');
      times(5, () => read(line.fails('rate_limited')));
      line.says('Done.');
    },
  },
  {
    name: 'transport retries',
    what: 'Six attempts of one request, refused, cut and refused, before an answer; three times.',
    expects: [],
    why: 'The client tries again, the agent does not loop.',
    clients: [chatSdk, messagesSdk, responsesSdk, geminiSdk, codex],
    play: (line) => {
      line.user('Go');
      times(3, (at) => {
        line.fails('overloaded').fails('rate_limited').breaks('upstream').fails('overloaded').fails('server_error');
        read(line, `file-${at}`);
      });
      line.says('Done.');
    },
  },
];
