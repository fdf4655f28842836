/** A labelled situation: what an agent does, and what the detectors ought to say of it. */
import type { WireClient } from '../client.ts';
import { chatSdk } from '../clients/plain.ts';
import type { Line } from '../line.ts';

export interface ExpectedFinding {
  readonly kind: string;
  readonly level: 'note' | 'alert' | 'critical';
  readonly occurrences: number;
}

export interface Situation {
  /** Unique. */
  readonly name: string;
  readonly what: string;
  readonly expects: readonly ExpectedFinding[];
  readonly why: string;
  readonly clients: readonly WireClient[];
  play(line: Line): void;
}

export const finding = (kind: string, level: ExpectedFinding['level'], occurrences: number): ExpectedFinding => ({
  kind,
  level,
  occurrences,
});

export const CHAT: readonly WireClient[] = [chatSdk];

export function times(count: number, act: (at: number) => void): void {
  for (let at = 0; at < count; at++) act(at);
}

/** A text that the tools of these situations return; longer than most prompts. */
export const CODE = 'export function reed(length: number): string { return "|".repeat(length); }';

export const read = (line: Line, path = 'src/reed.ts', result: string = CODE): Line =>
  line.uses('read_file', { path }, result);
