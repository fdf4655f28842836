/**
 * Lists read ahead: whoever asks for what is behind a page that was given will go on, and twenty pages at a time cost the store hardly more than one does,
 * which is mostly to find and unpack what many rows share. What was read is a run: all rows of a list and its filters from a place on, in order,
 * as long as nothing of these times has changed. Pages are cut out of it wherever they begin; before it ends the next one is read.
 */
import { ALWAYS, type ChangeLog, type Span } from './store-changes.ts';

export interface RunPlace {
  /** µs. */
  readonly time: number;
  readonly ids: readonly (string | number)[];
}

/** A row's place, with its text where the run keeps that itself. */
export interface RunRow extends RunPlace {
  readonly text: Buffer | null;
}

export interface RunSource {
  /** At most `limit` rows after a place or from the newest one on, newest first; fewer are the end of the list. */
  readonly read: (before: RunPlace | null, limit: number) => Promise<readonly RunRow[]>;
  /** Texts of rows that have none here; one that has gone is left out. */
  readonly texts: ((rows: readonly RunRow[]) => Promise<Buffer[]>) | null;
  readonly changes: () => Promise<ChangeLog>;
  /** Whether a change of rows of other times may change these. */
  readonly timeless: boolean;
}

export interface RunLimits {
  /** Rows of the run behind a page that was given: so many pages. Each that follows has four times as many, at most `rowsMax`. */
  readonly firstPages: number;
  readonly rowsMax: number;
  /** Of all runs, as far as they keep texts, with 200 for the place of a row. */
  readonly bytesMax: number;
  /** Runs that are read before anyone waits for them. */
  readonly aheadMax: number;
}

export interface RunPage {
  readonly texts: readonly Buffer[];
  /** Place of the last row; null on the last page. */
  readonly next: RunPlace | null;
}

interface Run {
  readonly key: string;
  readonly before: RunPlace;
  readonly rows: readonly RunRow[];
  /** It goes on to the end of the list. */
  readonly whole: boolean;
  /** Moment of the table's changes before it was read. */
  readonly at: number;
  readonly span: Span;
  readonly bytes: number;
  readonly wanted: number;
  ahead: boolean;
}

/** The first page, which is read for itself: it changes with every new row, and most go no further. */
export async function firstPage(source: RunSource, limit: number): Promise<RunPage> {
  return pageOf(source, await source.read(null, limit), limit);
}

async function pageOf({ texts }: RunSource, rows: readonly RunRow[], limit: number): Promise<RunPage> {
  const next = rows.length === limit ? rows.at(-1)! : null;
  return { texts: texts === null ? rows.map(({ text }) => text!) : await texts(rows), next };
}

const nameOf = (key: string, { time, ids }: RunPlace): string => `${time} ${ids.join(' ')} ${key}`;

/** Ends of pages that are remembered; behind others one page is read. */
const GIVEN_MAX = 10_000;
const PLACE_BYTES = 200;
const GROWTH = 4;

export class ListRuns {
  readonly #limits: RunLimits;
  /** By list and filters; the one that was used the longest ago first. */
  readonly #runs = new Set<Run>();
  readonly #byKey = new Map<string, Set<Run>>();
  readonly #reading = new Map<string, Promise<Run>>();
  /** Ends of pages, the one that was given the longest ago first: who asks for what is behind one goes on. */
  readonly #given = new Set<string>();
  #bytes = 0;
  #ahead = 0;

  constructor(limits: RunLimits) {
    this.#limits = limits;
  }

  /** The page after a place. `key`: the list and its filters. */
  async page(key: string, source: RunSource, before: RunPlace, limit: number): Promise<RunPage> {
    const log = await source.changes();
    const found = this.#find(key, log, before, limit);
    const pages = this.#given.has(nameOf(key, before)) ? this.#limits.firstPages : 1;
    const run = found ?? (await this.#read(key, source, before, pages * limit, limit));
    const from = placeAfter(run.rows, before);
    const rows = run.rows.slice(from, from + limit);
    this.#use(run);
    if (found !== null) this.#readAhead(run, source, from + limit, limit);
    const page = await pageOf(source, rows, limit);
    this.give(key, page.next);
    return page;
  }

  /** Where a page ended that somebody was given. */
  give(key: string, next: RunPlace | null): void {
    if (next === null) return;
    const name = nameOf(key, next);
    this.#given.delete(name);
    this.#given.add(name);
    for (const oldest of this.#given) {
      if (this.#given.size <= GIVEN_MAX) return;
      this.#given.delete(oldest);
    }
  }

  #find(key: string, log: ChangeLog, before: RunPlace, limit: number): Run | null {
    for (const run of this.#byKey.get(key) ?? []) {
      if (!log.unchanged(run.at, run.span)) {
        this.#drop(run);
        continue;
      }
      if (comparePlaces(before, run.before) < 0) continue;
      const from = placeAfter(run.rows, before);
      if (run.whole || from + limit <= run.rows.length) return run;
    }
    return null;
  }

  /** One reading for all who want what follows a place. */
  #read(key: string, source: RunSource, before: RunPlace, wanted: number, limit: number): Promise<Run> {
    const name = `${limit} ${nameOf(key, before)}`;
    const reading = this.#reading.get(name) ?? this.#begin(key, source, before, wanted, limit);
    this.#reading.set(name, reading);
    const done = (): void => void this.#reading.delete(name);
    reading.then(done, done);
    return reading;
  }

  async #begin(key: string, source: RunSource, before: RunPlace, wanted: number, limit: number): Promise<Run> {
    const at = (await source.changes()).now();
    // Whole pages: else the last one would be cut out of two runs.
    const most = limit * Math.max(1, Math.floor(Math.min(wanted, this.#limits.rowsMax) / limit));
    const rows = await source.read(before, most);
    // Whoever keeps them has them when their page is asked for.
    if (source.texts !== null) await source.texts(rows);
    const whole = rows.length < most;
    const times = { from: whole ? ALWAYS.from : rows.at(-1)!.time, to: before.time };
    const bytes = rows.reduce((sum, { text }) => sum + PLACE_BYTES + (text?.length ?? 0), PLACE_BYTES);
    const span = source.timeless ? ALWAYS : times;
    const run = { key, before, rows, whole, at: at ?? 0, span, bytes, wanted: most, ahead: false };
    if (at !== null) this.#keep(run);
    return run;
  }

  /** Once more than half of a run was asked for; one of a page tells nothing. */
  #readAhead(run: Run, source: RunSource, upTo: number, limit: number): void {
    if (
      run.whole ||
      run.ahead ||
      run.rows.length <= limit ||
      upTo * 2 <= run.rows.length ||
      this.#ahead >= this.#limits.aheadMax
    )
      return;
    run.ahead = true;
    this.#ahead++;
    const done = (): void => void this.#ahead--;
    const next = run.rows.at(-1)!;
    // Who asks for what couldn't be read is told then.
    this.#read(run.key, source, { time: next.time, ids: next.ids }, run.wanted * GROWTH, limit).then(done, done);
  }

  #keep(run: Run): void {
    this.#runs.add(run);
    const runs = this.#byKey.get(run.key) ?? new Set();
    this.#byKey.set(run.key, runs.add(run));
    this.#bytes += run.bytes;
    for (const oldest of this.#runs) {
      if (this.#bytes <= this.#limits.bytesMax) return;
      this.#drop(oldest);
    }
  }

  #use(run: Run): void {
    if (this.#runs.delete(run)) this.#runs.add(run);
  }

  #drop(run: Run): void {
    if (!this.#runs.delete(run)) return;
    this.#bytes -= run.bytes;
    const runs = this.#byKey.get(run.key);
    runs?.delete(run);
    if (runs?.size === 0) this.#byKey.delete(run.key);
  }
}

/** Below 0: `a` stands before `b` in the list, which has the greatest first. Texts are in the order of their bytes, as ClickHouse has it. */
export function comparePlaces(a: RunPlace, b: RunPlace): number {
  if (a.time !== b.time) return b.time - a.time;
  for (const [at, one] of a.ids.entries()) {
    const other = b.ids[at]!;
    if (one === other) continue;
    if (typeof one === 'number' && typeof other === 'number') return other - one;
    return Buffer.compare(Buffer.from(String(other)), Buffer.from(String(one)));
  }
  return 0;
}

/** Index of the first row after a place. */
function placeAfter(rows: readonly RunPlace[], place: RunPlace): number {
  let [from, to] = [0, rows.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (comparePlaces(rows[middle]!, place) <= 0) from = middle + 1;
    else to = middle;
  }
  return from;
}
