/** What was played: calls, turns and tools as the agents meant them. The manifest is made of it, and nothing of it comes from the code under test. */
import type { WireMessage } from '../generator/http-message.ts';
import type { Ending } from '../generator/planned.ts';
import type { Line } from './line.ts';

export type SideKind = 'title' | 'router' | 'compaction' | 'auxiliary';
export type Outcome = 'open' | 'answered' | 'length' | 'refused' | 'error' | 'aborted';

export interface PlayedTokens {
  readonly input: number;
  readonly cacheRead: number;
  /** Null: more than one number is right. */
  readonly output: number | null;
}

export interface PlayedCall {
  /** Counts from 0. */
  readonly index: number;
  readonly line: Line;
  readonly kind: 'main' | 'subagent' | SideKind;
  readonly isRetry: boolean;
  /** The turn that it belongs to; a subagent's call belongs to its root's. Null until it is known. */
  turn: PlayedTurn | null;
  readonly request: WireMessage;
  readonly response: WireMessage;
  /** Planned, µs since the epoch. */
  readonly start: number;
  readonly responseStart: number;
  readonly end: number;
  readonly ending: Ending;
  readonly tokens: PlayedTokens;
  readonly model: string;
  readonly tools: readonly PlayedTool[];
  /** Of the answer, as far as it was whole or its API shows it at once. */
  readonly answer: string;
  /** Some of an answer was sent. */
  readonly brokenOff: boolean;
  readonly outcome: Outcome;
}

export interface PlayedTool {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
  readonly call: () => PlayedCall;
  readonly position: number;
  /** Null: no request showed a result. */
  shown: { readonly call: PlayedCall; readonly result: string; readonly failed: boolean } | null;
  /** The subagent that it started. */
  child: Line | null;
}

export interface PlayedTurn {
  readonly line: Line;
  readonly ordinal: number;
  readonly prompt: string;
  /** Own steps, attempts among them. */
  readonly steps: PlayedCall[];
  readonly sides: PlayedCall[];
  readonly children: PlayedCall[];
}
