/** How much of an exchange is kept: `content`, or `metadata` without any text. By agent, host and path, the first rule that fits. */

export type CaptureMode = 'content' | 'metadata';

/** Empty lists fit everything. In hosts and paths `*` stands for any characters. */
export interface ModeRule {
  readonly mode: CaptureMode;
  /** Ids as `calls.agent_id` has them. */
  readonly agents: readonly string[];
  /** With or without a port. */
  readonly hosts: readonly string[];
  /** Without query. */
  readonly paths: readonly string[];
}

/** Who and what an exchange is, as far as rules look at it. */
export interface ModeSubject {
  readonly agentId: string;
  readonly host: string;
  readonly path: string;
}

/** Whether `text` is as the pattern says; each piece between stars is looked for once, so time is linear but for a short pattern's length. */
export function matchesPattern(pattern: string, text: string): boolean {
  const pieces = pattern.split('*');
  const first = pieces[0]!;
  if (pieces.length === 1) return text === pattern;
  const last = pieces[pieces.length - 1]!;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let from = first.length;
  const end = text.length - last.length;
  for (const piece of pieces.slice(1, -1)) {
    const at = text.indexOf(piece, from);
    if (at < 0) return false;
    from = at + piece.length;
  }
  return from <= end;
}

function fitsHost(pattern: string, host: string): boolean {
  const lower = pattern.toLowerCase();
  return matchesPattern(lower, host) || matchesPattern(lower, host.replace(/:\d+$/, ''));
}

export class CaptureModes {
  readonly #rules: readonly ModeRule[];
  readonly #otherwise: CaptureMode;

  constructor(rules: readonly ModeRule[], otherwise: CaptureMode) {
    this.#rules = rules;
    this.#otherwise = otherwise;
  }

  /** False: no text is kept of anything. */
  get mayKeepContent(): boolean {
    return this.#otherwise === 'content' || this.#rules.some(({ mode }) => mode === 'content');
  }

  of({ agentId, host, path }: ModeSubject): CaptureMode {
    const lower = host.toLowerCase();
    for (const { mode, agents, hosts, paths } of this.#rules) {
      if (agents.length > 0 && !agents.includes(agentId)) continue;
      if (hosts.length > 0 && !hosts.some((pattern) => fitsHost(pattern, lower))) continue;
      if (paths.length > 0 && !paths.some((pattern) => matchesPattern(pattern, path))) continue;
      return mode;
    }
    return this.#otherwise;
  }
}
