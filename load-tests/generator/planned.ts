/** One exchange, planned: its bytes, how it ends, and what is expected of it once the packets are known. */
import type { CallFacts, ExpectedCall, ExpectedExchange, Value } from '../manifest.ts';
import type { WireMessage } from './http-message.ts';

/** What becomes of the connection. `silent`: nothing more is ever sent on it, not even a FIN. */
export type Ending = 'keep' | 'client_fin' | 'client_rst' | 'server_fin' | 'server_rst' | 'silent';

type Filled = 'client_ip' | 'client_port' | 'server_ip' | 'server_port';

export interface PlannedCall {
  readonly type: 'call';
  readonly facts: Omit<CallFacts, Filled>;
  readonly either: Readonly<Record<string, readonly Value[]>>;
  readonly content: Pick<
    ExpectedCall,
    'request_body' | 'response_sha256' | 'response_text' | 'response_reasoning' | 'tool_arguments'
  >;
}

export interface PlannedOther {
  readonly type: 'exchange';
  readonly facts: Omit<ExpectedExchange['expected'], Filled>;
}

export interface PlannedExchange {
  readonly request: WireMessage;
  /** Null: never answered. */
  readonly response: WireMessage | null;
  /** Interim responses before the final one. */
  readonly interim: readonly Buffer[];
  /** Between the request's last byte and the response's first, µs. */
  readonly thinkUs: number;
  /** The response begins this long after the request's first byte, before its last one; left out: `thinkUs` after the last one. */
  readonly earlyUs?: number;
  readonly ending: Ending;
  /** What is lost before it on the connection may cost it, too: it counts as pipelined with the exchange before it. */
  readonly follows?: boolean;
  readonly entry: PlannedCall | PlannedOther;
}
