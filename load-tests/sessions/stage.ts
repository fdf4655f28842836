/** Where sessions are played: one clock for all, one source of chance, ids that are never given twice. */
import type { ToolCall } from '../dialects/dialect.ts';
import { Random } from '../generator/random.ts';
import type { WireClient } from './client.ts';
import { Line } from './line.ts';
import type { PlayedCall, PlayedTool } from './played.ts';

/** 18 November 2026, 10:26:40 UTC, in µs. */
export const STAGE_START = 1_795_000_000_000_000;

export interface Who {
  readonly client: WireClient;
  readonly ip: string;
  /** Made-up credential. */
  readonly key: string;
  /** Headers that a gateway or the program's author adds; they may tell agent, session, user and team. */
  readonly added: Readonly<Record<string, string>>;
}

/** A conversation as its client has it. */
export interface PlayedSession {
  readonly who: Who;
  /** As the client tells it; '' = only its content tells. */
  readonly id: string;
  /** A uuid of its own, whether it is told or not. */
  readonly uuid: string;
  readonly parent: PlayedSession | null;
  readonly lines: Line[];
  /** Nothing tells it from others: several may be one for an observer. */
  readonly twins: string;
}

const ADDED_SESSION = ['x-session-id', 'x-conversation-id'] as const;

export class Stage {
  readonly random: Random;
  readonly calls: PlayedCall[] = [];
  readonly sessions: PlayedSession[] = [];
  #ips = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  uuid(): string {
    const hex = this.random.hex(32);
    return [hex.slice(0, 8), hex.slice(8, 12), `7${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20)].join(
      '-',
    );
  }

  who(client: WireClient, change: Partial<Who> = {}): Who {
    const n = this.#ips++;
    const ip = `10.7.${n >> 7}.${(n & 127) + 1}`;
    return { client, ip, key: `sk-made-up-planted-${n}`, added: {}, ...change };
  }

  /** The main line of a new session. `startUs`: after the beginning. `twins`: a name for sessions that nobody can tell apart. */
  begin(who: Who, startUs: number, twins = ''): Line {
    return this.line(who, null, STAGE_START + startUs, twins);
  }

  /** A session with its first line. */
  line(who: Who, parent: Line | null, start: number, twins = '', startedBy: PlayedTool | null = null): Line {
    const session: PlayedSession & { id: string } = {
      who,
      id: '',
      uuid: this.uuid(),
      parent: parent?.session ?? null,
      lines: [],
      twins,
    };
    const line = new Line(this, session, parent, start, startedBy);
    const added = ADDED_SESSION.map((name) => who.added[name]).find((id) => id !== undefined);
    session.id = added ?? who.client.sessionId(line);
    this.sessions.push(session);
    return line;
  }

  toolCall(name: string, args: Readonly<Record<string, unknown>>, client: WireClient): ToolCall {
    const prefix = { 'anthropic.messages': 'toolu_', 'openai.chat': 'call_', 'openai.responses': 'call_' };
    const { dialect } = client;
    const id = dialect === 'gemini.generate_content' ? '' : prefix[dialect] + this.random.hex(24);
    return { id, name, arguments: JSON.stringify(args) };
  }
}
