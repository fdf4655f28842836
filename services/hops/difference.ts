/** A difference of two hops of one call. */

/** What the gateway between them did; facts that are read of several places are only `changed`. */
export type Change = 'added' | 'removed' | 'changed';

export interface Difference {
  /** Of a fact or a header; in a body the path of the member: `messages[3].content`. */
  readonly name: string;
  readonly change: Change;
  /** As the client sent or got it, and as the gateway sent or got it; `–`: not there. Long values are cut. */
  readonly call: string;
  readonly hop: string;
}

/** `asked`: the gateway passes it on to the hop; `answered`: back to the client. */
export type Direction = 'asked' | 'answered';

export const ABSENT = '–';
const SHOWN_CHARS = 80;

export function shown(value: unknown): string {
  if (value === undefined) return ABSENT;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= SHOWN_CHARS ? text : `${text.slice(0, SHOWN_CHARS)} … (${text.length} characters)`;
}

/** Undefined: not there. */
export function difference(name: string, call: unknown, hop: unknown, direction: Direction): Difference {
  const [before, behind] = direction === 'asked' ? [call, hop] : [hop, call];
  const change = before === undefined ? 'added' : behind === undefined ? 'removed' : 'changed';
  return { name, change, call: shown(call), hop: shown(hop) };
}
