/**
 * Which sessions are one. A call tells most of it by itself; what takes another call is looked for here, in both directions, so that
 * the order in which calls are stored doesn't matter:
 *
 *     session that names its parent        → told with its parent
 *     request that continues a response    → the session of that response               previous_response_id = response_id
 *     history that opens with a summary    → the session that was summed up             opening_hash = answer_text_hash
 *     history that opens with a task       → the session whose tool call handed it over  thread_prompt_hash in tool_prompt_hashes
 *     first request that failed            → the session of the attempt that succeeded   step_id
 *     side call that tells nothing else    → the session with the same first words       thread_prompt_hash
 *
 * Only sessions that nothing but their content tells are joined to others, and only for one speaker (network, address, credential).
 */
import { RETRY_SPAN } from './attempts.ts';
import type { StoredFacts } from './facts.ts';
import { succeeded } from './facts.ts';
import { digest } from './ids.ts';
import type { CallReader } from './reader.ts';

/** Sessions whose parent is remembered. */
const ALIASES_MAX = 200_000;
/** Chained requests whose response wasn't stored yet. */
const WAITING_MAX = 10_000;
const HOUR = 3_600_000_000;
/** A summary is continued, and a task begun, within this time, µs. */
const LINK_SPAN = 6 * HOUR;
/** A side call stands so near to a step. */
const SIDE_SPAN = HOUR / 12;

export interface Grouped {
  /** Calls by the session that they are told with. */
  readonly groups: ReadonlyMap<string, StoredFacts[]>;
  /** Sessions that go into another one, by their id. */
  readonly absorbed: ReadonlyMap<string, string>;
}

const SIDES: ReadonlySet<string> = new Set(['router', 'title', 'auxiliary']);

function speaker(call: StoredFacts): string {
  return `${call.network} ${call.clientIp} ${call.credential}`;
}

export class Links {
  readonly #reader: CallReader;
  readonly #aliases = new Map<string, string>();
  readonly #waiting = new Map<string, StoredFacts[]>();
  #absorbed = new Map<string, string>();
  #recalled = false;

  constructor(reader: CallReader) {
    this.#reader = reader;
  }

  /** Chained requests whose response isn't known. */
  get waiting(): number {
    return this.#waiting.size;
  }

  async group(calls: readonly StoredFacts[]): Promise<Grouped> {
    this.#absorbed = new Map();
    await this.#recall();
    for (const call of calls)
      if (call.parentSessionId !== '' && call.sessionId !== '') this.#join(call.sessionId, call.parentSessionId);
    await this.#linkContent(calls);
    const chained = await this.#chained(calls);
    const groups = new Map<string, StoredFacts[]>();
    for (const call of [...calls.filter(({ sessionId }) => sessionId !== ''), ...chained]) {
      const root = this.rootOf(call.sessionId);
      const group = groups.get(root);
      if (group === undefined) groups.set(root, [call]);
      else group.push(call);
    }
    return { groups, absorbed: this.#absorbed };
  }

  /** Once: chained requests of the last day that a predecessor left waiting. */
  async #recall(): Promise<void> {
    if (this.#recalled) return;
    this.#recalled = true;
    const where =
      "session_id = '' AND previous_response_id != '' AND stored > now() - INTERVAL 1 DAY LIMIT {limit:UInt32}";
    for (const call of await this.#reader.calls({ where, params: { limit: WAITING_MAX } })) this.#wait(call);
  }

  rootOf(sessionId: string): string {
    let root = sessionId;
    for (let depth = 0; depth < 16; depth++) {
      const parent = this.#aliases.get(root);
      if (parent === undefined || parent === sessionId) return root;
      root = parent;
    }
    return root;
  }

  #join(child: string, parent: string): void {
    if (child === parent || this.rootOf(parent) === child || this.#aliases.get(child) === parent) return;
    this.#aliases.set(child, parent);
    this.#absorbed.set(child, this.rootOf(parent));
    if (this.#aliases.size > ALIASES_MAX) this.#aliases.delete(this.#aliases.keys().next().value!);
  }

  async #linkContent(calls: readonly StoredFacts[]): Promise<void> {
    const told = calls.filter((call) => call.sessionSource === 'content' && !this.#aliases.has(call.sessionId));
    const openings = told.filter((call) => call.openingHash !== '');
    await this.#find(
      openings,
      (call) => [call.openingHash],
      "call_kind = 'compaction' AND answer_text_hash IN {hashes:Array(String)}",
      (other) => [other.answerTextHash],
      LINK_SPAN,
    );
    const tasks = told.filter((call) => call.threadPromptHash !== '' && call.userMessageCount > 0);
    await this.#find(
      tasks,
      (call) => [call.threadPromptHash],
      'hasAny(tool_prompt_hashes, {hashes:Array(String)})',
      handed,
      LINK_SPAN,
    );
    const failed = told.filter((call) => !succeeded(call) && call.stepId !== '');
    await this.#find(
      failed,
      (call) => [call.stepId],
      "step_id IN {hashes:Array(String)} AND outcome IN ('ok', 'refused')",
      (other) => [other.stepId],
      RETRY_SPAN,
      true,
    );
    await this.#linkSides(told);
    await this.#linkBackwards(calls, told);
  }

  async #linkSides(told: readonly StoredFacts[]): Promise<void> {
    const isSide = ({ kind, threadPromptHash }: StoredFacts): boolean => SIDES.has(kind) && threadPromptHash !== '';
    const sides = told.filter(isSide);
    const where = "thread_prompt_hash IN {hashes:Array(String)} AND call_kind = 'main'";
    const hashes = (call: StoredFacts): string[] => [call.threadPromptHash];
    await this.#find(sides, hashes, where, hashes, SIDE_SPAN, true);
    const lone = sides.filter((call) => !this.#aliases.has(call.sessionId));
    await this.#find(lone, hashes, where, hashes, SIDE_SPAN);
  }

  /** The same from the other side, for what was stored first. */
  async #linkBackwards(calls: readonly StoredFacts[], told: readonly StoredFacts[]): Promise<void> {
    const byContent = "session_source = 'content' AND ";
    const summed = calls.filter((call) => call.kind === 'compaction' && call.answerTextHash !== '');
    await this.#find(
      summed,
      (call) => [call.answerTextHash],
      `${byContent}opening_hash IN {hashes:Array(String)}`,
      (other) => [other.openingHash],
      LINK_SPAN,
      true,
      true,
    );
    const handing = calls.filter((call) => handed(call).length > 0);
    await this.#find(
      handing,
      handed,
      `${byContent}thread_prompt_hash IN {hashes:Array(String)}`,
      (other) => [other.threadPromptHash],
      LINK_SPAN,
      true,
      true,
    );
    const steps = told.filter((call) => call.kind === 'main' && call.threadPromptHash !== '');
    for (const after of [false, true]) {
      await this.#find(
        steps,
        (call) => [call.threadPromptHash],
        `${byContent}thread_prompt_hash IN {hashes:Array(String)} AND call_kind IN ('router', 'title', 'auxiliary')`,
        (other) => [other.threadPromptHash],
        SIDE_SPAN,
        after,
        true,
      );
    }
    const first = told.filter(
      (call) => succeeded(call) && call.results.length === 0 && call.stepId !== '' && call.userMessageCount === 1,
    );
    await this.#find(
      first,
      (call) => [call.stepId],
      `${byContent}step_id IN {hashes:Array(String)} AND outcome NOT IN ('ok', 'refused')`,
      (other) => [other.stepId],
      RETRY_SPAN,
      false,
      true,
    );
  }

  /**
   * Joins each of `calls` to the session of the nearest stored call with an equal hash. `after`: the stored one is the later one;
   * `other`: it is the stored one's session that goes into the call's.
   */
  async #find(
    calls: readonly StoredFacts[],
    hashesOf: (call: StoredFacts) => readonly string[],
    where: string,
    storedHashes: (call: StoredFacts) => readonly string[],
    span: number,
    after = false,
    other = false,
  ): Promise<void> {
    const hashes = [...new Set(calls.flatMap(hashesOf))];
    if (hashes.length === 0) return;
    const starts = calls.map(({ start }) => start);
    const stored = await this.#reader.calls({
      where: `${where} AND request_start BETWEEN fromUnixTimestamp64Micro({from:Int64}) AND fromUnixTimestamp64Micro({to:Int64})`,
      params: { hashes, from: Math.min(...starts) - span, to: Math.max(...starts) + span },
    });
    const byHash = new Map<string, StoredFacts[]>();
    for (const call of stored)
      for (const hash of storedHashes(call)) byHash.set(hash, [...(byHash.get(hash) ?? []), call]);
    for (const call of calls) {
      const found = hashesOf(call)
        .flatMap((hash) => byHash.get(hash) ?? [])
        .filter((each) => fits(call, each, span, after));
      for (const each of other ? found : nearest(found, call)) {
        if (other && this.#aliases.has(each.sessionId)) continue;
        if (other) this.#join(each.sessionId, call.sessionId);
        else this.#join(call.sessionId, each.sessionId);
      }
    }
  }

  /** Chained requests with the place of the response that they continue; those without one wait for it. */
  async #chained(calls: readonly StoredFacts[]): Promise<StoredFacts[]> {
    const placed: StoredFacts[] = [];
    let open = calls.filter((call) => call.sessionId === '' && call.previousResponseId !== '');
    const known = new Map<string, StoredFacts>();
    for (const call of calls) if (call.responseId !== '' && call.sessionId !== '') known.set(call.responseId, call);
    const asked = [...new Set(open.map((call) => call.previousResponseId))].filter((id) => !known.has(id));
    if (asked.length > 0) {
      const where = "response_id IN {ids:Array(String)} AND session_id != ''";
      for (const call of await this.#reader.calls({ where, params: { ids: asked } })) known.set(call.responseId, call);
    }
    for (const call of calls) open = [...open, ...this.#wake(call, known)];
    for (let before = -1; before !== placed.length; ) {
      before = placed.length;
      for (const call of open) {
        const previous = known.get(call.previousResponseId);
        if (previous === undefined) continue;
        const chained = continues(call, previous);
        placed.push(chained);
        if (call.responseId !== '') known.set(call.responseId, chained);
        for (const waiting of this.#waiting.get(call.responseId) ?? []) open.push(waiting);
        this.#waiting.delete(call.responseId);
      }
      open = open.filter((call) => !known.has(call.previousResponseId));
    }
    for (const call of open) this.#wait(call);
    return placed;
  }

  #wake(call: StoredFacts, known: ReadonlyMap<string, StoredFacts>): readonly StoredFacts[] {
    const waiting = known.has(call.responseId) ? this.#waiting.get(call.responseId) : undefined;
    if (waiting !== undefined) this.#waiting.delete(call.responseId);
    return waiting ?? [];
  }

  #wait(call: StoredFacts): void {
    const waiting = this.#waiting.get(call.previousResponseId);
    if (waiting !== undefined) waiting.push(call);
    else this.#waiting.set(call.previousResponseId, [call]);
    if (this.#waiting.size > WAITING_MAX) this.#waiting.delete(this.#waiting.keys().next().value!);
  }
}

function handed(call: StoredFacts): string[] {
  return call.asked.flatMap(({ promptHash }) => (promptHash === '' ? [] : [promptHash]));
}

function fits(call: StoredFacts, other: StoredFacts, span: number, after: boolean): boolean {
  if (other.sessionId === '' || other.sessionId === call.sessionId || speaker(other) !== speaker(call)) return false;
  const apart = after ? other.start - call.start : call.start - other.start;
  return apart >= 0 && apart <= span;
}

function nearest(found: readonly StoredFacts[], call: StoredFacts): StoredFacts[] {
  const sorted = [...found].sort((a, b) => Math.abs(a.start - call.start) - Math.abs(b.start - call.start));
  return sorted.slice(0, 1);
}

/** A chained request in the conversation of the response that it continues. New words of the user begin a turn. */
function continues(call: StoredFacts, previous: StoredFacts): StoredFacts {
  const turnId = call.promptHash === '' ? '' : digest('turn', previous.threadId, call.previousResponseId);
  const { sessionId, threadId, parentSessionId } = previous;
  return { ...call, sessionId, sessionSource: 'content', threadId, parentSessionId, turnId };
}
