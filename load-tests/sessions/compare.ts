/** What the tracker wrote against the manifest. Calls are found by address and time; the ids of sessions, threads and turns follow from them. */
import type { Columns, SessionsManifest, Value } from './expected.ts';
import type { Line } from './line.ts';
import type { PlayedCall } from './played.ts';
import type { Row, Tracked } from './track.ts';

const key = (...parts: readonly unknown[]): string => parts.join(' ');

/** What one thing of the play is called in the rows; a second name is a difference. */
class Names<T> {
  readonly #of = new Map<T, string>();
  readonly #things = new Map<string, T>();
  readonly #what: string;
  readonly #report: (difference: string) => void;

  constructor(what: string, report: (difference: string) => void) {
    this.#what = what;
    this.#report = report;
  }

  put(thing: T, name: string, label: string): void {
    const known = this.#of.get(thing);
    if (known !== undefined && known !== name) this.#report(`${label}: its ${this.#what} is split (${known}, ${name})`);
    if (known !== undefined) return;
    const other = this.#things.get(name);
    if (other !== undefined && other !== thing) this.#report(`${label}: its ${this.#what} is also that of others`);
    if (name === '') this.#report(`${label}: no ${this.#what}`);
    this.#of.set(thing, name);
    this.#things.set(name, thing);
  }

  get(thing: T): string {
    return this.#of.get(thing) ?? '';
  }
}

function columnsOf(label: string, expected: Columns, row: Row | undefined): string[] {
  if (row === undefined) return [`${label}: no row`];
  const differences: string[] = [];
  for (const [name, value] of Object.entries(expected)) {
    const stored = row[name] ?? 'none';
    if (same(value, stored)) continue;
    differences.push(`${label}: ${name} is ${JSON.stringify(stored)}, not ${JSON.stringify(value)}`);
  }
  return differences;
}

function same(expected: Value, stored: Value): boolean {
  if (typeof expected === 'number' && typeof stored === 'number') return Math.abs(expected - stored) < 0.0015;
  return JSON.stringify(expected) === JSON.stringify(stored);
}

export function compareSessions(manifest: SessionsManifest, tracked: Tracked): string[] {
  return new Comparison(manifest, tracked).run();
}

const labelOf = ({ index, kind, line }: PlayedCall): string =>
  `${line.client.agentId || line.client.clientName} session ${line.session.uuid.slice(0, 4)} call ${index} (${kind})`;

class Comparison {
  readonly #manifest: SessionsManifest;
  readonly #tracked: Tracked;
  readonly #differences: string[] = [];
  readonly #rows = new Map<PlayedCall, Row>();
  readonly #report = (difference: string): void => void this.#differences.push(difference);
  readonly #sessions = new Names<object>('session', this.#report);
  readonly #turns = new Names<object>('turn', this.#report);
  readonly #threads = new Names<Line>('thread', this.#report);

  constructor(manifest: SessionsManifest, tracked: Tracked) {
    this.#manifest = manifest;
    this.#tracked = tracked;
  }

  run(): string[] {
    this.#calls();
    const certain = this.#manifest.sessions.filter(({ session }) => session.twins === '');
    this.#sessionRows();
    this.#turnRows();
    this.#toolRows();
    if (certain.length === this.#manifest.sessions.length) {
      this.#count('sessions', this.#tracked.sessions, this.#manifest.sessions.length);
      this.#count('turns', this.#tracked.turns, this.#manifest.turns.length);
      this.#count('tool calls', this.#tracked.tools, this.#manifest.tools.length);
    }
    return this.#differences;
  }

  #count(what: string, rows: readonly Row[], expected: number): void {
    if (rows.length !== expected) this.#report(`${rows.length} ${what}, not ${expected}`);
  }

  #calls(): void {
    const byPlace = new Map(this.#tracked.calls.map((row) => [key(row.client_ip, row.client_port, row.start), row]));
    if (this.#tracked.calls.length !== this.#manifest.calls.length)
      this.#report(`${this.#tracked.calls.length} calls, not ${this.#manifest.calls.length}`);
    for (const call of this.#manifest.calls) {
      const seen = this.#manifest.seen.get(call.index)!;
      const row = byPlace.get(key(seen.clientIp, seen.clientPort, seen.start));
      if (row === undefined) this.#report(`${labelOf(call)}: not stored`);
      else this.#call(call, row);
    }
  }

  #call(call: PlayedCall, row: Row): void {
    this.#rows.set(call, row);
    const { session } = call.line;
    if (session.twins !== '') return;
    this.#sessions.put(session, String(row.session_id), labelOf(call));
    if (row.call_kind !== call.kind) this.#report(`${labelOf(call)}: call_kind is ${String(row.call_kind)}`);
    if (call.turn !== null) this.#turns.put(call.turn, String(row.turn_id), labelOf(call));
    else if (row.turn_id !== '') this.#report(`${labelOf(call)}: has a turn`);
    if (call.kind === 'main' || call.kind === 'subagent')
      this.#threads.put(call.line, String(row.thread_id), labelOf(call));
  }

  #sessionRows(): void {
    const byId = new Map(this.#tracked.sessions.map((row) => [row.session_id, row]));
    for (const { session, columns } of this.#manifest.sessions) {
      const [first] = this.#manifest.calls.filter(({ line }) => line.session === session);
      const id = first === undefined ? '' : (this.#rows.get(first)?.session_id ?? '');
      const label = `session ${session.uuid.slice(0, 4)} of ${session.who.client.agentId || session.who.client.clientName}`;
      this.#differences.push(...columnsOf(label, columns, byId.get(id)));
    }
  }

  #turnRows(): void {
    const byId = new Map(this.#tracked.turns.map((row) => [row.turn_id, row]));
    for (const { turn, columns } of this.#manifest.turns) {
      const label = `${labelOf(turn.steps[0]!)} turn ${turn.ordinal}`;
      const row = byId.get(this.#turns.get(turn));
      this.#differences.push(...columnsOf(label, columns, row));
      if (row !== undefined && row.session_id !== this.#sessions.get(turn.line.session))
        this.#report(`${label}: in another session`);
      if (row !== undefined && row.thread_id !== this.#threads.get(turn.line))
        this.#report(`${label}: in another thread`);
    }
  }

  #toolRows(): void {
    const byPlace = new Map(this.#tracked.tools.map((row) => [key(row.call_id, row.position), row]));
    for (const { tool, columns } of this.#manifest.tools) {
      const call = tool.call();
      const label = `${labelOf(call)} tool ${tool.position} ${tool.name}`;
      const ids = {
        session_id: this.#sessions.get(call.line.session),
        turn_id: call.turn === null ? '' : this.#turns.get(call.turn),
        thread_id: this.#threads.get(call.line),
        result_call_id: tool.shown === null ? '' : String(this.#rows.get(tool.shown.call)?.call_id),
        subagent_thread_id: tool.child === null ? '' : this.#threads.get(tool.child),
      };
      const row = byPlace.get(key(this.#rows.get(call)?.call_id, tool.position));
      this.#differences.push(...columnsOf(label, { ...columns, ...ids }, row));
    }
  }
}
