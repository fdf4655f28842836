/**
 * The calls of a WebSocket of which the upgrade wasn't seen, or not its path: a message must tell which API it is. Until one does
 * nothing is read, and where none of the first ones does it is none that carries calls.
 *
 * No call of it is whole: whose it is, and of which server it was asked, stood in the upgrade.
 */
import type { Side } from '../../../schemas/frame.ts';
import type { RequestHead, ResponseHead } from '../../http/exchange.ts';
import type { MessageConsumer, SocketMessage } from '../../websocket/message.ts';
import { dialectByName, dialectOfMessage } from '../dialects/registry.ts';
import { SocketSession } from './session.ts';
import type { CallHost, SocketOrigin } from './virtual-call.ts';

/** Messages that could be read and told nothing, after which none is expected to. */
const MESSAGES_MAX = 100;

/** What the heads must have said that opened a WebSocket (RFC 6455 section 4.1, RFC 8441 section 5). */
export function unseenHeads(version: '1.1' | '2'): {
  readonly requestHead: RequestHead;
  readonly responseHead: ResponseHead;
} {
  const [method, status] = version === '2' ? ['CONNECT', 200] : ['GET', 101];
  const unseen = { version, headers: new Map(), partial: true } as const;
  return {
    requestHead: { ...unseen, method, target: '', path: '', credential: null },
    responseHead: { ...unseen, status },
  };
}

interface Memory {
  /** '' while no message has told. */
  readonly dialect: string;
  readonly silent: number;
  readonly session: object | null;
}

export class JoinedSession implements MessageConsumer {
  readonly #host: CallHost;
  #origin: Omit<SocketOrigin, 'dialect'>;
  #dialect = '';
  #session: SocketSession | null = null;
  #silent: number;

  constructor(host: CallHost, origin: Omit<SocketOrigin, 'dialect'>, memory: unknown) {
    const known = memory as Memory | null;
    this.#host = host;
    this.#origin = origin;
    this.#silent = known?.silent ?? 0;
    if (known !== null && known.dialect !== '') this.#open(known.dialect, known.session);
  }

  get carriesCalls(): boolean {
    return this.#session !== null || this.#silent < MESSAGES_MAX;
  }

  get busy(): boolean {
    return this.#session?.busy ?? false;
  }

  get open(): number {
    return this.#session?.open ?? 0;
  }

  get heldBytes(): number {
    return this.#session?.heldBytes ?? 0;
  }

  get memory(): Memory {
    return { dialect: this.#dialect, silent: this.#silent, session: this.#session?.memory ?? null };
  }

  readBy(probe: string): void {
    const { connection } = this.#origin;
    if (connection.probe !== probe) this.#origin = { ...this.#origin, connection: { ...connection, probe } };
    this.#session?.readBy(probe);
  }

  message(message: SocketMessage): void {
    if (this.#session === null && this.carriesCalls) this.#look(message);
    this.#session?.message(message);
  }

  lost(side: Side, missing: number): void {
    this.#session?.lost(side, missing);
  }

  end(reason: Parameters<MessageConsumer['end']>[0]): void {
    this.#session?.end(reason);
  }

  #look({ side, data, problem }: SocketMessage): void {
    if (problem !== '') return;
    const dialect = dialectOfMessage(side, data);
    if (dialect === null) this.#silent++;
    else this.#open(dialect.name, null);
  }

  #open(name: string, memory: object | null): void {
    const dialect = dialectByName(name);
    if (dialect?.socket === undefined) return;
    this.#dialect = name;
    this.#session = new SocketSession(this.#host, { ...this.#origin, dialect }, memory, true);
  }
}
