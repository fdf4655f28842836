/**
 * The newest calls, as the texts that lists show, with what lists choose by: most who look for something look there, by filters that nobody has asked
 * for before, and a query for each costs the store a thousand times what it costs to look through these.
 *
 *     requests that nothing kept could answer ─► the newest calls are read, a piece at a time ─► pages that end among them are cut out of them
 *     new parts of the table                  ─► calls of their times are read again; when too many are, or stored ones change, all is forgotten
 */
import { CALL_TEXT_FILTERS, type CallFilter, type Cursor } from '../clickhouse/queries.ts';
import { comparePlaces, type RunPage, type RunPlace } from './list-runs.ts';
import { ALWAYS, type ChangeLog, type Span } from './store-changes.ts';

export interface CallWindowOptions {
  readonly rowsMax: number;
  /** Of all texts; the window is as many rows shorter. */
  readonly bytesMax: number;
  /** Calls of one reading. */
  readonly readMax: number;
  /** Calls of changed times that are read again; when there are more, the window is forgotten. */
  readonly againMax: number;
  /** It is made when so many pages were missed since the last attempt, and not sooner than so long after it. */
  readonly missesMin: number;
  readonly restMs: number;
  readonly changes: () => Promise<ChangeLog>;
  /** Places of calls of these times, newest first, at most `limit`. */
  readonly places: (span: Span, limit: number) => Promise<readonly Cursor[]>;
  /** Texts of the calls at these places, in any order; those that have gone are left out. */
  readonly read: (places: readonly Cursor[]) => Promise<readonly Buffer[]>;
}

/** What lists choose by. */
type Chosen = Readonly<Record<(typeof CALL_TEXT_FILTERS)[number], string>> & {
  readonly status: number;
  readonly streaming: boolean;
  readonly toolNames: readonly string[];
};

interface WindowCall {
  readonly place: RunPlace;
  readonly text: Buffer;
  readonly by: Chosen;
}

interface Window {
  /** Newest first. */
  readonly calls: readonly WindowCall[];
  /** Moment of the table's changes that it is of. */
  readonly at: number;
  /** Nothing is older than its last call. */
  readonly whole: boolean;
}

const FIELDS = [
  ...CALL_TEXT_FILTERS.filter((name) => name !== 'tool'),
  'requestedModel',
  'status',
  'streaming',
  'toolNames',
];

export class CallWindow {
  readonly #options: CallWindowOptions;
  readonly #now: () => number;
  #window: Window | null = null;
  #misses = 0;
  #triedMs = Number.NEGATIVE_INFINITY;
  #work: Promise<void> | null = null;

  constructor(options: CallWindowOptions, now: () => number = performance.now.bind(performance)) {
    this.#options = options;
    this.#now = now;
  }

  /** The page, or null when it isn't wholly among the newest calls. */
  async page(filter: CallFilter, before: RunPlace | null, limit: number): Promise<RunPage | null> {
    const window = await this.#current();
    const page = window && cutOut(window, filter, before, limit);
    if (page === null && window === null) this.#miss();
    return page;
  }

  /** Resolves when nothing is being read for it. */
  async idle(): Promise<void> {
    while (this.#work !== null) await this.#work;
  }

  async #current(): Promise<Window | null> {
    const log = await this.#options.changes();
    if (this.#window === null || this.#holds(this.#window, log)) return this.#window;
    this.#work ??= this.#only(() => this.#renew());
    await this.#work;
    return this.#window !== null && this.#holds(this.#window, log) ? this.#window : null;
  }

  #holds(window: Window, log: ChangeLog): boolean {
    return log.unchanged(window.at, spanOf(window));
  }

  #miss(): void {
    const { missesMin, restMs } = this.#options;
    this.#misses++;
    if (this.#work !== null || this.#misses < missesMin || this.#now() - this.#triedMs < restMs) return;
    this.#misses = 0;
    this.#triedMs = this.#now();
    this.#work = this.#only(() => this.#make());
  }

  /** One work at a time; what fails is tried again when it is wanted again. */
  #only(work: () => Promise<Window | null>): Promise<void> {
    return work()
      .catch(() => null)
      .then((window) => {
        this.#window = window;
        this.#work = null;
      });
  }

  async #make(): Promise<Window | null> {
    const { changes, places, rowsMax } = this.#options;
    const at = (await changes()).now();
    if (at === null) return null;
    const found = await places(ALWAYS, rowsMax);
    const calls = await this.#read(found);
    return this.#trimmed({ calls, at, whole: found.length < rowsMax });
  }

  /** Reads the calls of changed times again. A text that is known holds: who changes it makes all times change. */
  async #renew(): Promise<Window | null> {
    const window = this.#window;
    const log = await this.#options.changes();
    const [at, spans] = [log.now(), window && log.changedSince(window.at)];
    if (window === null || at === null || spans === null) return null;
    // Of which times it is isn't known: texts may have changed.
    if (spans.some((span) => span.from === ALWAYS.from)) return null;
    const { from: oldest } = spanOf(window);
    const from = Math.max(oldest, Math.min(...spans.map((span) => span.from)));
    const to = Math.max(...spans.map((span) => span.to));
    const found = await this.#options.places({ from, to }, this.#options.againMax + 1);
    if (found.length > this.#options.againMax) return null;
    const known = new Map<string, WindowCall>();
    const others: WindowCall[] = [];
    for (const call of window.calls) {
      if (call.place.time < from || call.place.time > to) others.push(call);
      else known.set(String(call.place.ids[0]), call);
    }
    const fresh = await this.#read(found.filter(({ callId }) => !known.has(callId)));
    const kept = found.flatMap(({ callId }) => known.get(callId) ?? []);
    const calls = [...others, ...kept, ...fresh].sort((a, b) => comparePlaces(a.place, b.place));
    // What is as old as the last one may stand after it, where the window doesn't reach.
    return this.#trimmed({ ...window, at, calls });
  }

  async #read(places: readonly Cursor[]): Promise<WindowCall[]> {
    const { bytesMax, read, readMax } = this.#options;
    const calls: WindowCall[] = [];
    let bytes = 0;
    for (let from = 0; from < places.length && bytes <= bytesMax; from += readMax) {
      for (const text of await read(places.slice(from, from + readMax))) {
        bytes += text.length;
        calls.push(callOf(text));
      }
    }
    return calls.sort((a, b) => comparePlaces(a.place, b.place));
  }

  #trimmed({ calls, at, whole }: Window): Window {
    const { bytesMax, rowsMax } = this.#options;
    let [rows, bytes] = [0, 0];
    while (rows < Math.min(rowsMax, calls.length) && bytes + calls[rows]!.text.length <= bytesMax)
      bytes += calls[rows++]!.text.length;
    return { calls: calls.slice(0, rows), at, whole: whole && rows === calls.length };
  }
}

function callOf(text: Buffer): WindowCall {
  const call = JSON.parse(text.toString()) as Record<string, unknown> & {
    readonly time: number;
    readonly callId: string;
  };
  const by = Object.fromEntries(FIELDS.map((name) => [name, call[name]])) as unknown as Chosen;
  return { place: { time: call.time, ids: [call.callId] }, text, by };
}

/** Its times: to the end of all, and from the beginning when it is whole. */
function spanOf({ calls, whole }: Window): Span {
  const oldest = calls.at(-1)?.place.time;
  return { from: whole || oldest === undefined ? ALWAYS.from : oldest, to: ALWAYS.to };
}

function cutOut({ calls, whole }: Window, filter: CallFilter, before: RunPlace | null, limit: number): RunPage | null {
  const chosen = chooser(filter);
  const found: WindowCall[] = [];
  for (let at = before === null ? 0 : firstAfter(calls, before); at < calls.length && found.length < limit; at++) {
    const call = calls[at]!;
    if (chosen(call)) found.push(call);
  }
  if (found.length < limit && !whole) return null;
  return {
    texts: found.map(({ text }) => text),
    next: found.length < limit ? null : found.at(-1)!.place,
  };
}

/** Index of the first call after a place. */
function firstAfter(calls: readonly WindowCall[], place: RunPlace): number {
  let [from, to] = [0, calls.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (comparePlaces(calls[middle]!.place, place) <= 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The conditions of `whereOf` (clickhouse/queries.ts). */
function chooser(filter: CallFilter): (call: WindowCall) => boolean {
  const { from, to, model, tool, ...equal } = filter;
  const wanted = Object.entries(equal).filter(([, value]) => value !== undefined) as [keyof Chosen, unknown][];
  return ({ place: { time }, by }) =>
    wanted.every(([name, value]) => by[name] === value) &&
    (from === undefined || time >= from) &&
    (to === undefined || time < to) &&
    (model === undefined || by.model === model || by.requestedModel === model) &&
    (tool === undefined || by.toolNames.includes(tool));
}
