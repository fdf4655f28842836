/** The stories that are told on: from memory where they are there, else from the stored calls. */
import type { Micros } from '../common/types.ts';
import { byTime, type CallFacts } from './facts.ts';
import type { TrackerOptions } from './options.ts';
import type { Wanted } from './packing/packed-calls.ts';
import type { CallReader } from './reader.ts';
import { retell, SessionStory, type Told } from './session.ts';
import { StoryCache } from './story-cache.ts';
import type { TrackerState } from './tracker-state.ts';

/** A call that is stored late may have begun before all that were stored of its session, µs. */
const BEGAN_SLACK = 86_400_000_000;

/** New calls by their session, and sessions that go into others. */
export interface Groups {
  readonly groups: ReadonlyMap<string, readonly CallFacts[]>;
  readonly absorbed: ReadonlyMap<string, string>;
  /** The session that one is told with. */
  rootOf(sessionId: string): string;
}

export class Stories {
  readonly #options: TrackerOptions;
  readonly #reader: CallReader;
  readonly #state: TrackerState;
  readonly #cache: StoryCache;
  #retold = 0;

  constructor(options: TrackerOptions, reader: CallReader, state: TrackerState) {
    this.#options = options;
    this.#reader = reader;
    this.#state = state;
    this.#cache = new StoryCache(options.storyBytesMax);
  }

  /** In memory. */
  get counts(): { readonly stories: number; readonly packed: number; readonly bytes: number } {
    const { size, packed, bytes } = this.#cache;
    return { stories: size, packed, bytes };
  }

  /** Stories that were told anew, since a call came late. */
  get retold(): number {
    return this.#retold;
  }

  forget(sessionId: string): void {
    this.#cache.delete(sessionId);
  }

  clear(): void {
    this.#cache.clear();
  }

  /** Tells these sessions on. `emptied`: those without any call. */
  async tell(roots: readonly string[], groups: Groups): Promise<{ told: Told[]; emptied: string[] }> {
    const stored = await this.#load(roots, groups);
    const late = new Map<string, readonly CallFacts[]>();
    for (const root of roots) {
      const calls = [...(stored.get(root) ?? []), ...(groups.groups.get(root) ?? [])].sort(byTime);
      const story = this.#cache.get(root)!;
      if (!calls.every((call) => story.add(call))) late.set(root, calls);
    }
    for (const part of this.#readTogether(late)) await this.#tellAgain(part);
    const [told, emptied]: [Told[], string[]] = [[], []];
    for (const root of roots) {
      const story = this.#cache.get(root)!;
      told.push(story.tell());
      this.#cache.set(root, story);
      if (story.size === 0) emptied.push(root);
    }
    this.#cache.shrink();
    return { told, emptied };
  }

  /** Makes sure that there are stories of these sessions. Returns the stored calls that they lack, and those of sessions that go into them. */
  async #load(roots: readonly string[], { absorbed, rootOf }: Groups): Promise<Map<string, CallFacts[]>> {
    const packed = await this.#unpack(roots.filter((root) => this.#cache.get(root) === undefined));
    for (const [root, calls] of packed) this.#cache.set(root, this.#again(root, calls));
    const cold = roots.filter((root) => this.#cache.get(root) === undefined);
    const children = [...absorbed].filter(([, root]) => roots.includes(root)).map(([child]) => child);
    const began = await this.#state.known([...cold, ...children]);
    const wanted = [...cold.filter((id) => began.has(id)), ...children];
    const stored = wanted.length === 0 ? [] : await this.#storedOf(wanted, began);
    const turns = await this.#state.turnsOf(cold.filter((id) => began.has(id)));
    for (const root of cold)
      this.#cache.set(root, new SessionStory(root, this.#options.detectors, turns.get(root) ?? []));
    const byRoot = new Map<string, CallFacts[]>();
    for (const call of stored) {
      const root = rootOf(call.parentSessionId !== '' ? call.parentSessionId : call.sessionId);
      const calls = byRoot.get(root);
      if (calls === undefined) byRoot.set(root, [call]);
      else calls.push(call);
    }
    return byRoot;
  }

  /** The calls of packed stories, with what the store has of them. */
  async #unpack(roots: readonly string[]): Promise<Map<string, readonly CallFacts[]>> {
    const calls = new Map<string, readonly CallFacts[]>();
    const wanted: Wanted[] = [];
    for (const root of roots) {
      const unpacked = this.#cache.unpack(root);
      if (unpacked === null) continue;
      calls.set(root, unpacked.calls);
      wanted.push(...unpacked.wanted);
    }
    await this.#fill(wanted);
    return calls;
  }

  async #fill(wanted: readonly Wanted[]): Promise<void> {
    if (wanted.length === 0) return;
    const starts = wanted.map(({ start }) => start);
    const ids = [...new Set(wanted.map(({ callId }) => callId))];
    const texts = await this.#reader.toolArguments(ids, Math.min(...starts), Math.max(...starts));
    for (const { callId, position, asked } of wanted) asked.arguments = texts.get(callId)?.[position] ?? '';
  }

  /** A story as it was when its calls were packed: all of it has been told. */
  #again(root: string, calls: readonly CallFacts[]): SessionStory {
    const story = new SessionStory(root, this.#options.detectors);
    for (const call of calls) story.put(call);
    story.tell();
    return story;
  }

  /** All calls of these sessions and of those that name them as their parent. `began`: when they began, as far as that is known. */
  async #storedOf(ids: readonly string[], began: ReadonlyMap<string, Micros>): Promise<CallFacts[]> {
    const from = Math.min(...ids.map((id) => Math.max(0, (began.get(id) ?? 0) - BEGAN_SLACK)));
    const since = 'request_start >= fromUnixTimestamp64Micro({from:Int64})';
    const [own, started] = await Promise.all([
      this.#reader.calls({ where: `session_id IN {ids:Array(String)} AND ${since}`, params: { ids, from } }),
      this.#reader.calls({ where: `parent_session_id IN {ids:Array(String)} AND ${since}`, params: { ids, from } }),
    ]);
    return [...own, ...started];
  }

  /** Stories to be told anew, in parts whose calls are read at once: a read by itself for each takes a time of its own. */
  *#readTogether(late: ReadonlyMap<string, readonly CallFacts[]>): Generator<Map<string, readonly CallFacts[]>> {
    let part = new Map<string, readonly CallFacts[]>();
    let size = 0;
    for (const [root, calls] of late) {
      const more = this.#cache.get(root)!.size + calls.length;
      if (part.size > 0 && size + more > this.#options.batchCallsMax) {
        yield part;
        part = new Map();
        size = 0;
      }
      part.set(root, calls);
      size += more;
    }
    if (part.size > 0) yield part;
  }

  /** Tells stories anew, of which a call came late: from the stored calls and these. */
  async #tellAgain(late: ReadonlyMap<string, readonly CallFacts[]>): Promise<void> {
    const roots = [...late.keys()];
    const all = new Map(roots.map((root) => [root, new Map<string, CallFacts>()]));
    for (const call of await this.#storedOf(roots, await this.#state.known(roots))) {
      all.get(call.sessionId)?.set(call.callId, call);
      all.get(call.parentSessionId)?.set(call.callId, call);
    }
    for (const [root, calls] of late) {
      const own = all.get(root)!;
      for (const call of calls) own.set(call.callId, call);
      const { told, book } = this.#cache.get(root)!;
      const again = new SessionStory(root, this.#options.detectors, told, book.ids);
      retell(again, [...own.values()]);
      this.#cache.set(root, again);
      this.#retold++;
    }
  }
}
