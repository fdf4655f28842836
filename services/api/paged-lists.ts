/** The lists that are read page by page, as runs of them are read (list-runs.ts); their rows are written as ClickHouse writes them. */
import type { Session } from '../../schemas/story.ts';
import { type List, listLines, placeIn } from '../clickhouse/lists.ts';
import type { Store } from '../clickhouse/store.ts';
import { listSessionLines, type SessionFilter } from '../clickhouse/story-queries.ts';
import type { Micros } from '../common/types.ts';
import type { RunPage, RunPlace, RunRow, RunSource } from './list-runs.ts';
import type { TextPlace } from './params.ts';
import { placeText } from './query.ts';
import type { Answers } from './routes.ts';

export interface PagedList extends RunSource {
  /** Of the rows, in answers. */
  readonly name: string;
  readonly cursorOf: (place: TextPlace) => string;
  /** A page that can be told without asking the store; null when it can't. */
  readonly known?: (before: RunPlace | null, limit: number) => Promise<RunPage | null>;
}

const COMMA = Buffer.from(',');

/** The answer: `{"NAME":[…],"next":…}` */
export function pageBytes({ name, cursorOf }: PagedList, { texts, next }: RunPage): Buffer {
  const rows = texts.flatMap((text, at) => (at === 0 ? [text] : [COMMA, text]));
  const end = `],"next":${next === null ? 'null' : JSON.stringify(cursorOf(next))}}`;
  return Buffer.concat([Buffer.from(`{"${name}":[`), ...rows, Buffer.from(end)]);
}

const TABLES = { exchanges: 'exchanges', turns: 'turn_rows', toolCalls: 'tool_call_rows' } as const;

/** Rows of turns and tool calls come in versions: one of another time may take the place of a row. */
export function tableList<T extends object>(
  name: keyof typeof TABLES,
  store: Store,
  answers: Answers,
  list: List<T>,
  filter: Readonly<Record<string, unknown>>,
): PagedList {
  return {
    name,
    cursorOf: placeText,
    timeless: name !== 'exchanges',
    changes: () => answers.changes(TABLES[name]),
    read: async (before, limit) => {
      const at = before && { time: before.time as Micros, ids: before.ids };
      return rowsOf<T>(await listLines(store, list, { limit, before: at, filter }), (row) => placeIn(list, row));
    },
    texts: null,
  };
}

export function sessionList(store: Store, answers: Answers, filter: SessionFilter): PagedList {
  return {
    name: 'sessions',
    // A session id may hold anything.
    cursorOf: ({ time, ids }) => placeText({ time, ids: [Buffer.from(String(ids[0])).toString('base64url')] }),
    timeless: true,
    changes: () => answers.changes('session_rows'),
    read: async (before, limit) => {
      const at = before && { time: before.time as Micros, sessionId: String(before.ids[0]) };
      const lines = await listSessionLines(store, { limit, before: at, filter });
      return rowsOf<Session>(lines, ({ ended, sessionId }) => ({ time: ended, ids: [sessionId] }));
    },
    texts: null,
  };
}

function rowsOf<T>(lines: readonly Buffer[], placeOf: (row: T) => RunPlace): RunRow[] {
  return lines.map((text) => ({ ...placeOf(JSON.parse(text.toString()) as T), text }));
}
