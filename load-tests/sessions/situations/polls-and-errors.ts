import { claudeCode } from '../clients/claude-code.ts';
import { codex } from '../clients/codex.ts';
import { chatSdk, geminiSdk, messagesSdk, responsesSdk } from '../clients/plain.ts';
import { CHAT, finding, type Situation, times } from './situation.ts';

export const POLLS_AND_ERRORS: readonly Situation[] = [
  {
    name: 'a poll that changes',
    what: 'The status is asked for ten times and changes each time.',
    expects: [],
    why: 'That is what polls are for.',
    clients: [chatSdk, geminiSdk],
    play: (line) => {
      line.user('Wait');
      times(10, (at) => line.uses('job_status', { id: 1 }, `at ${'x'.repeat(at + 1)} of ten`));
      line.says('Done.');
    },
  },
  {
    name: 'a stuck poll',
    what: 'The status is asked for six times and stays as it is.',
    expects: [finding('stuck_poll', 'alert', 6)],
    why: 'Nothing gets on.',
    clients: [chatSdk, messagesSdk, geminiSdk, responsesSdk],
    play: (line) => {
      line.user('Wait');
      times(6, () => line.uses('job_status', { id: 1 }, 'queued'));
      line.says('Done.');
    },
  },
  {
    name: 'a poll that gets on in the end',
    what: 'Three times the same status, then another one each time.',
    expects: [finding('stuck_poll', 'note', 4)],
    why: 'It was stuck for a while; the fourth call was made before anything had changed.',
    clients: CHAT,
    play: (line) => {
      line.user('Wait');
      times(3, () => line.uses('job_status', { id: 1 }, 'queued'));
      times(4, (at) => line.uses('job_status', { id: 1 }, `running ${'x'.repeat(at)}`));
      line.says('Done.');
    },
  },
  {
    name: 'a shell asked again',
    what: 'The same command six times, each time with another output.',
    expects: [],
    why: 'A shell can be a poll.',
    clients: [chatSdk, codex],
    play: (line) => {
      line.user('Wait');
      times(6, (at) => line.uses('bash', { command: 'git log' }, `commits: ${'x'.repeat(at + 1)}`));
      line.says('Done.');
    },
  },
  {
    name: 'the same error with changing arguments',
    what: 'Five calls of one tool with other arguments fail in the same way.',
    expects: [finding('retry_storm', 'alert', 5)],
    why: 'The model tries variants of what cannot work.',
    clients: [chatSdk, messagesSdk, geminiSdk, responsesSdk, claudeCode, codex],
    play: (line) => {
      line.user('Go');
      times(5, (at) => line.uses('open_url', { url: `http://reed/${at}` }, `Error: no route to "reed${at}"`, true));
      line.says('Not reachable.');
    },
  },
  {
    name: 'the same error with the same arguments',
    what: 'Five equal calls fail in the same way.',
    expects: [finding('retry_storm', 'alert', 5)],
    why: 'One loop, one finding.',
    clients: [chatSdk, messagesSdk],
    play: (line) => {
      line.user('Go');
      times(5, () => line.uses('open_url', { url: 'http://reed' }, 'Error: no route', true));
      line.says('Not reachable.');
    },
  },
  {
    name: 'commands that do not exist',
    what: 'Twenty commands in a row that the shell does not know.',
    expects: [finding('retry_storm', 'critical', 20)],
    why: 'The error is of one kind, whatever it names.',
    clients: [claudeCode],
    play: (line) => {
      line.user('Go');
      times(20, (at) => line.uses('bash', { command: `tool${at}` }, `Error: "tool${at}": command not found`, true));
      line.says('None of them.');
    },
  },
  {
    name: 'errors of other kinds',
    what: 'Six failures of one tool, two of a kind at most in a row.',
    expects: [],
    why: 'Each kind is new: the agent gets to know something.',
    clients: CHAT,
    play: (line) => {
      line.user('Go');
      const kinds = ['no route', 'no route', 'bad name', 'denied', 'denied', 'timeout'];
      for (const [at, kind] of kinds.entries()) line.uses('open_url', { url: `u${at}` }, `Error: ${kind}`, true);
      line.says('Hm.');
    },
  },
  {
    name: 'errors of several tools',
    what: 'Six tools fail once each.',
    expects: [],
    why: 'No tool fails again.',
    clients: CHAT,
    play: (line) => {
      line.user('Go');
      times(6, (at) => line.uses(`tool_${'abcdef'[at]}`, {}, 'Error: denied', true));
      line.says('Hm.');
    },
  },
  {
    name: 'errors with successes in between',
    what: 'Every second call of a tool fails.',
    expects: [],
    why: 'It works in between.',
    clients: CHAT,
    play: (line) => {
      line.user('Go');
      times(8, (at) =>
        at % 2 === 0
          ? line.uses('open_url', { url: `u${at}` }, 'Error: timeout', true)
          : line.uses('open_url', { url: `u${at}` }, 'page'),
      );
      line.says('Done.');
    },
  },
];
