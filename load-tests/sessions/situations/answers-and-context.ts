import { cline, QWEN_COMPACTION, qwenCode } from '../clients/chat-agents.ts';
import { CODEX_OPENING, codex } from '../clients/codex.ts';
import { chatOnly, chatSdk, messagesSdk } from '../clients/plain.ts';
import type { Line } from '../line.ts';
import { CHAT, CODE, finding, read, type Situation, times } from './situation.ts';

const NUDGE = '[ERROR] You did not use a tool in your previous response! Please retry with a tool use.';

function codexCompacts(line: Line, at: number): void {
  line.compacts(`Summary number ${at} of the work`, {}, (summary) => [
    { role: 'user', text: line.prompts[0]! },
    { role: 'user', text: `${CODEX_OPENING}\n${summary}` },
  ]);
}

export const ANSWERS_AND_CONTEXT: readonly Situation[] = [
  {
    name: 'text only, again and again',
    what: 'The client tells the model to use a tool; it says nearly the same thirty times.',
    expects: [finding('repeated_answer', 'critical', 30), finding('context_growth', 'alert', 29)],
    why: 'A runaway without any tool call.',
    clients: [cline],
    play: (line) => {
      line.user('Build it');
      times(30, (at) => line.says(`I will build it now (attempt ${at + 1}).`).note(NUDGE));
    },
  },
  {
    name: 'a program that says the same',
    what: 'A program sends the same words at once after each answer, six times, and gets the same.',
    expects: [finding('repeated_answer', 'alert', 6)],
    why: 'No person reads and writes so fast.',
    clients: [chatOnly, messagesSdk],
    play: (line) => times(6, () => line.user('Continue').says('I am done with everything.')),
  },
  {
    name: 'a person who asks the same',
    what: 'A person asks the same six times, a minute apart, and gets the same answer.',
    expects: [],
    why: 'A person may ask as often as they like.',
    clients: [chatOnly, messagesSdk],
    play: (line) => times(6, () => line.user('Is it up?').says('Yes, it is up.').waits(60)),
  },
  {
    name: 'the same answer to other questions',
    what: 'Six questions in a row get the same short answer.',
    expects: [],
    why: 'Done is a good answer.',
    clients: [chatOnly],
    play: (line) => times(6, (at) => line.user(`Please do ${'x'.repeat(at + 1)}`).says('Done.')),
  },
  {
    name: 'compaction after compaction',
    what: 'The history is summed up six times in a row, with a step in between.',
    expects: [finding('compaction_loop', 'alert', 6)],
    why: 'The summary is as long as what it sums up.',
    clients: [codex],
    play: (line) => {
      line.user('Go on');
      times(6, (at) => {
        line.uses('bash', { command: `step ${at}` }, `output ${'x'.repeat(at)}`);
        codexCompacts(line, at);
      });
      line.says('Done.');
    },
  },
  {
    name: 'a runaway of compactions',
    what: 'Twenty-five compactions without a step in between.',
    expects: [finding('compaction_loop', 'critical', 25)],
    why: 'As a real client did 611 times.',
    clients: [codex],
    play: (line) => {
      line.user('Go on');
      line.uses('bash', { command: 'ls' }, 'out');
      times(25, (at) => codexCompacts(line, at));
      line.says('Done.');
    },
  },
  {
    name: 'compactions with work in between',
    what: 'Six compactions, with four steps of work after each.',
    expects: [],
    why: 'Long work is summed up now and then.',
    clients: [codex],
    play: (line) => {
      line.user('Go on');
      times(6, (at) => {
        times(4, (step) => line.uses('bash', { command: `step ${at} ${step}` }, `output ${'x'.repeat(at * 4 + step)}`));
        codexCompacts(line, at);
      });
      line.says('Done.');
    },
  },
  {
    name: 'a loop over a compaction',
    what: 'Three equal reads, a compaction, three more.',
    expects: [finding('exact_repeat', 'alert', 6)],
    why: 'The summary did not help.',
    clients: [qwenCode],
    play: (line) => {
      line.user('Go');
      times(3, () => read(line));
      const summary = '<state_snapshot>The file was read.</state_snapshot>';
      line.compacts(summary, { system: QWEN_COMPACTION }, () => [{ role: 'user', text: summary }]);
      times(3, () => read(line));
      line.says('Done.');
    },
  },
  {
    name: 'growth with progress',
    what: 'Thirty files are read, each another one.',
    expects: [],
    why: 'Every step brings something new.',
    clients: CHAT,
    play: (line) => {
      line.user('Read all');
      times(30, (at) => read(line, `file-${at}`, CODE.repeat(3)));
      line.says('Done.');
    },
  },
  {
    name: 'growth without progress',
    what: 'Five edits are made over and over, in no order.',
    expects: [finding('context_growth', 'alert', 25)],
    why: 'No repeat and no cycle, but nothing new in twenty-five steps.',
    clients: CHAT,
    play: (line) => {
      line.user('Go');
      const order = [0, 1, 2, 3, 4, 1, 0, 3, 2, 4, 0, 2, 1, 4, 3, 2, 0, 4, 1, 3, 0, 3, 4, 1, 2, 4, 2, 3, 0, 1];
      for (const at of order) line.uses('edit_file', { path: `${at}.ts`, text: 'x' }, `Edited ${CODE.repeat(2)}`);
      line.says('Done.');
    },
  },
  {
    name: 'tokens burn',
    what: 'Five calls of 1.2 million tokens within a minute.',
    expects: [finding('burn_rate', 'alert', 5)],
    why: 'Six million tokens in a minute.',
    clients: [chatSdk],
    play: (line) => {
      line.user('Go');
      times(4, (at) => line.asks([{ name: 'read_file', args: { path: `${at}` }, result: 'x' }], { input: 1_200_000 }));
      line.says('Done.', { input: 1_200_000 });
    },
  },
  {
    name: 'many tokens, slowly',
    what: 'Five calls of 1.2 million tokens, two minutes apart.',
    expects: [],
    why: 'Never two million within a minute.',
    clients: [chatSdk],
    play: (line) => {
      line.user('Go');
      times(4, (at) => {
        line.asks([{ name: 'read_file', args: { path: `${at}` }, result: 'x' }], { input: 1_200_000 }).waits(120);
      });
      line.says('Done.', { input: 1_200_000 });
    },
  },
];
