/**
 * What agents are made to do. A play is a few runs of a client, each with a prompt that names its part (`#list.1`); a part says what
 * the model answers to one request after the other. Subagents have parts of their own (`#subagent.a`), named in the task that the
 * model hands over: a request belongs to the part that the last words in the user's name tell.
 */
import type { FindingKind } from '../../schemas/story.ts';
import type { Failure } from '../dialects/dialect.ts';

/** What the model wants done, whatever the client calls its tool for it. */
export type Act =
  | { readonly do: 'run'; readonly command: string; readonly fails?: boolean }
  | { readonly do: 'read'; readonly file: string; readonly fails?: boolean }
  | { readonly do: 'delegate'; readonly part: string; readonly background?: boolean }
  /** The subagent that was started as the n-th. Only for clients whose model has to ask for it: goes into the play by itself. */
  | { readonly do: 'await'; readonly nth: number };

export type Say =
  | { readonly say: 'text'; readonly text: string }
  /** `fills`: the usage tells that the history has become too long. */
  | { readonly say: 'act'; readonly acts: readonly Act[]; readonly fills?: boolean }
  | { readonly say: 'fail'; readonly failure: Failure }
  /** The answer's first events, then the connection is closed. */
  | { readonly say: 'cut'; readonly events: number };

export interface Run {
  /** '' = a command of the client's own that sums up the history. */
  readonly part: string;
  /** Goes on with the conversation of the run before. */
  readonly resumes?: boolean;
}

export interface Play {
  readonly name: string;
  readonly runs: readonly Run[];
  readonly parts: Readonly<Record<string, readonly Say[]>>;
  readonly findings?: readonly FindingKind[];
}

export const PART = /#([a-z]+\.[a-z0-9]+)\b/g;

const text = (words: string): Say => ({ say: 'text', text: words });
const act = (...acts: readonly Act[]): Say => ({ say: 'act', acts });
const run = (command: string): Act => ({ do: 'run', command });
const READ: Act = { do: 'read', file: 'a.txt' };
const FAILS: Act = { do: 'run', command: 'sh test.sh', fails: true };
const child = (file: string, words: string): readonly Say[] => [act(run(`cat ${file}`)), text(words)];

export const PLAYS: readonly Play[] = [
  {
    name: 'list',
    runs: [{ part: 'list.1' }],
    parts: { 'list.1': [act(READ), act(FAILS), text('The file is short, and the test fails.')] },
  },
  {
    name: 'parallel',
    runs: [{ part: 'parallel.1' }],
    parts: { 'parallel.1': [act(run('cat a.txt'), run('cat b.txt'), FAILS), text('Both files are short.')] },
  },
  {
    name: 'loop',
    runs: [{ part: 'loop.1' }],
    parts: { 'loop.1': [...new Array<Say>(4).fill(act(run('cat a.txt'))), text('It stays the same.')] },
    findings: ['exact_repeat'],
  },
  {
    name: 'resume',
    runs: [{ part: 'resume.1' }, { part: 'resume.2', resumes: true }],
    parts: {
      'resume.1': [act(run('cat a.txt')), text('One line.')],
      'resume.2': [act(run('cat b.txt')), text('One line as well.')],
    },
  },
  {
    name: 'subagent',
    runs: [{ part: 'subagent.1' }],
    parts: {
      'subagent.1': [act({ do: 'delegate', part: 'subagent.a' }), text('My helper says: one line.')],
      'subagent.a': child('a.txt', 'The first file has one line.'),
    },
  },
  {
    name: 'subagents',
    runs: [{ part: 'subagents.1' }],
    parts: {
      'subagents.1': [
        act({ do: 'delegate', part: 'subagents.a' }, { do: 'delegate', part: 'subagents.b' }),
        text('My helpers say: one line each.'),
      ],
      'subagents.a': child('a.txt', 'The first file has a line.'),
      'subagents.b': child('b.txt', 'The second file has a line.'),
    },
  },
  {
    name: 'background',
    runs: [{ part: 'background.1' }],
    parts: {
      'background.1': [
        act({ do: 'delegate', part: 'background.a', background: true }),
        text('My helper is at work.'),
        text('My helper has come back: one line.'),
      ],
      'background.a': child('b.txt', 'The file has one line only.'),
    },
  },
  {
    name: 'retry',
    runs: [{ part: 'retry.1' }],
    parts: {
      'retry.1': [
        { say: 'fail', failure: 'overloaded' },
        { say: 'fail', failure: 'overloaded' },
        act(run('cat a.txt')),
        { say: 'fail', failure: 'server_error' },
        text('It took a while.'),
      ],
    },
  },
  {
    name: 'limited',
    runs: [{ part: 'limited.1' }],
    parts: {
      'limited.1': [act(run('cat a.txt')), { say: 'fail', failure: 'rate_limited' }, text('There was a limit.')],
    },
  },
  {
    name: 'cut',
    runs: [{ part: 'cut.1' }],
    parts: { 'cut.1': [act(run('cat b.txt')), { say: 'cut', events: 5 }, text('At last, the whole answer.')] },
  },
  {
    name: 'overflow',
    runs: [{ part: 'overflow.1' }],
    parts: {
      'overflow.1': [
        act(run('cat a.txt')),
        { say: 'act', acts: [run('cat b.txt')], fills: true },
        act(READ),
        text('Three looks, and nothing new.'),
      ],
    },
  },
  {
    name: 'compaction',
    runs: [{ part: 'compaction.1' }, { part: '', resumes: true }, { part: 'compaction.2', resumes: true }],
    parts: {
      'compaction.1': [act(run('cat a.txt')), text('One line, and that is all.')],
      'compaction.2': [act(run('cat b.txt')), text('The second file has one line, too.')],
    },
  },
];

/** Words of a person, or of an agent that hands a task over. */
export const promptOf = (part: string): string => `Please look at the files here, part #${part} of the work.`;
