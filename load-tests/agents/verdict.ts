/** Compares what was stored of a play with what the script and the server know of it. */
import type { ToolCall, Turn } from '../../schemas/story.ts';
import type { Reply } from '../dialects/dialect.ts';
import type { FakeLlm } from '../fake-llm/server.ts';
import { type AgentClient, endsOn } from './client.ts';
import type { Asked } from './model.ts';
import type { Performance } from './perform.ts';
import type { Act, Play, Say } from './play.ts';
import type { Stored, StoredCall } from './stored.ts';

/** A request with the row that was made of it, and the server's reply (null: it was refused). */
interface Pair {
  readonly asked: Asked;
  readonly reply: Reply | null;
  readonly row: StoredCall;
}

type Served = Pick<FakeLlm, 'served' | 'socketServed'>;

const distinct = (values: readonly string[]): string[] => [...new Set(values)];

/** Rows by request: over HTTP the n-th of a port is the n-th of a port; over WebSocket by the response's id. */
function rowsOf(server: Served, stored: Stored): Map<unknown, { row: StoredCall | undefined; reply: Reply | null }> {
  const found = new Map<unknown, { row: StoredCall | undefined; reply: Reply | null }>();
  const byPort = Map.groupBy(
    stored.calls.filter(({ protocol }) => protocol !== 'websocket'),
    ({ client_port }) => client_port,
  );
  for (const { request, clientPort, reply } of server.served)
    if (request !== null) found.set(request, { row: byPort.get(clientPort)?.shift(), reply });
  const byId = new Map(stored.calls.map((row) => [row.response_id, row]));
  for (const { request, reply } of server.socketServed)
    if (request !== null) found.set(request, { row: byId.get(reply?.id ?? ''), reply });
  return found;
}

/** Parts that a person began, in order. */
const prompts = (play: Play): string[] => play.runs.flatMap(({ part }) => (part === '' ? [] : [part]));

/** Part of a person that this part belongs to: subagents belong to the one that started them. */
function rootOf(play: Play, part: string): string {
  const starts = (say: Say): boolean =>
    say.say === 'act' && say.acts.some((act) => act.do === 'delegate' && act.part === part);
  const parent = Object.keys(play.parts).find((name) => play.parts[name]!.some(starts));
  return parent === undefined ? part : rootOf(play, parent);
}

class Verdict {
  readonly differences: string[];
  readonly #client: AgentClient;
  readonly #play: Play;
  readonly #pairs: readonly Pair[];
  readonly #stored: Stored;
  readonly #turns: readonly Turn[];

  constructor(client: AgentClient, performance: Performance, pairs: readonly Pair[], stored: Stored) {
    this.differences = [...performance.surprises];
    this.#client = client;
    this.#play = performance.play;
    this.#pairs = pairs;
    this.#stored = stored;
    const main = distinct(this.#steps(prompts(this.#play)[0]!).map(({ row }) => row.session_id));
    this.expect('sessions', main.length, 1);
    this.#turns = stored.turns.filter(({ sessionId }) => main.includes(sessionId));
  }

  expect(what: string, seen: unknown, told: unknown): void {
    const [a, b] = [JSON.stringify(seen), JSON.stringify(told)];
    if (a !== b) this.differences.push(`${what}: ${a}, not ${b}`);
  }

  #steps(part: string): Pair[] {
    return this.#pairs.filter(({ asked }) => asked.side === null && asked.part === part);
  }

  session(): void {
    const ids = distinct(prompts(this.#play).flatMap((part) => this.#steps(part).map(({ row }) => row.session_id)));
    this.expect('sessions of all runs', ids.length, 1);
    this.expect('agents', distinct(this.#pairs.map(({ row }) => row.agent_id)), [this.#client.agentId]);
    const known = new Set(this.#stored.sessions.map(({ sessionId }) => sessionId));
    this.expect('calls without a session', this.#pairs.filter(({ row }) => !known.has(row.session_id)).length, 0);
  }

  turns(): void {
    const told = prompts(this.#play);
    const seen = this.#turns.toSorted((a, b) => a.started - b.started);
    this.expect(
      'turns',
      seen.map(({ promptPreview }) => told.find((part) => promptPreview.includes(`#${part} `)) ?? promptPreview),
      told,
    );
    for (const [i, part] of told.entries()) {
      const turn = seen[i];
      if (turn === undefined) continue;
      const steps = this.#steps(part);
      const ends = steps.some(({ asked: { say } }) => say !== null && endsOn(this.#client, say));
      const failed = steps.filter(({ asked }) => this.#isTriedAgain(asked)).length;
      this.expect(`calls of ${part}`, [turn.calls, turn.retries], [steps.length - failed, failed]);
      this.expect(`outcome of ${part}`, turn.outcome, ends ? 'error' : 'answered');
      const own = this.#pairs.filter(({ asked }) => asked.side === null && rootOf(this.#play, asked.part) === part);
      this.expect(`turn of the calls of ${part}`, distinct(own.map(({ row }) => row.turn_id)), [turn.turnId]);
      this.expect(`subagent calls of ${part}`, turn.subagentCalls, own.length - steps.length);
    }
  }

  #isTriedAgain({ say }: Asked): boolean {
    if (say === null || endsOn(this.#client, say)) return false;
    return say.say === 'fail' || (say.say === 'cut' && this.#client.afterCut === 'retries');
  }

  kinds(): void {
    const told = prompts(this.#play);
    for (const { asked, row } of this.#pairs) {
      const kind = asked.side ?? (told.includes(asked.part) ? 'main' : 'subagent');
      if (row.call_kind !== kind) this.expect(`kind of a call of ${asked.part || 'nothing'}`, row.call_kind, kind);
    }
  }

  /** Each subagent is a thread, and the parent's runs are one. */
  threads(): void {
    const told = prompts(this.#play);
    const own = distinct(told.flatMap((part) => this.#steps(part).map(({ row }) => row.thread_id)));
    this.expect('main threads', own.length, 1);
    const children = Object.keys(this.#play.parts).filter((part) => !told.includes(part));
    const all = children.map((part) => distinct(this.#steps(part).map(({ row }) => row.thread_id)));
    this.expect(
      'threads of each subagent',
      all.map((ids) => ids.length),
      children.map(() => 1),
    );
    this.expect('threads in all', distinct([...own, ...all.flat()]).length, 1 + children.length);
  }

  tools(): void {
    const rows = new Map(this.#stored.toolCalls.map((tool) => [`${tool.callId} ${tool.position}`, tool]));
    for (const { asked, reply, row } of this.#pairs) {
      const { say } = asked;
      if (say?.say !== 'act') continue;
      for (const [i, act] of say.acts.entries()) {
        const what = `tool call ${i} (${act.do}) of ${asked.part}`;
        const tool = rows.get(`${row.call_id} ${i}`);
        const { name, id } = reply!.toolCalls[i]!;
        this.expect(what, tool && [tool.toolName, tool.toolCallId], [name, id]);
        if (tool !== undefined) this.#tool(what, act, tool, row.turn_id);
      }
    }
  }

  #tool(what: string, act: Act, tool: ToolCall, turnId: string): void {
    this.expect(`error of ${what}`, tool.isError, 'fails' in act && act.fails === true && !this.#client.hidesExits);
    this.expect(`turn of ${what}`, tool.turnId, turnId);
    if (act.do !== 'delegate') return;
    const threads = distinct(this.#steps(act.part).map(({ row }) => row.thread_id));
    this.expect(`subagent of ${what}`, [tool.subagentThreadId], threads);
  }

  findings(): void {
    const sessions = new Set(this.#pairs.map(({ row }) => row.session_id));
    const seen = this.#stored.findings.filter(({ sessionId }) => sessions.has(sessionId)).map(({ kind }) => kind);
    this.expect('findings', seen.toSorted(), [...(this.#play.findings ?? [])].toSorted());
  }
}

/** What differs, play by play; nothing = all is as scripted. */
export function differencesOf(
  client: AgentClient,
  performances: readonly Performance[],
  server: Served,
  stored: Stored,
): Map<string, readonly string[]> {
  const rows = rowsOf(server, stored);
  return new Map(
    performances.map((performance) => {
      const pairs: Pair[] = [];
      let missing = 0;
      for (const asked of performance.asked) {
        const { row, reply } = rows.get(asked.request) ?? { row: undefined, reply: null };
        if (row === undefined) missing++;
        else pairs.push({ asked, reply, row });
      }
      const verdict = new Verdict(client, performance, pairs, stored);
      verdict.expect('requests without a call', missing, 0);
      verdict.session();
      verdict.turns();
      verdict.kinds();
      verdict.threads();
      verdict.tools();
      verdict.findings();
      return [performance.play.name, verdict.differences];
    }),
  );
}
