/**
 * Which times of a table have changed, as far as its parts tell. ClickHouse never changes a part:
 *
 *   part       = partition "_" first block "_" last block "_" level [ "_" mutation ]     blocks are numbered as they are inserted
 *   patch part = "patch-" hash "-" part                                                 what a lightweight update or deletion changes in others
 *
 * A part whose blocks were all there before, in parts of the same mutation and with as many rows in sum, is a merge, which changes nothing. What it
 * can't tell from a change is taken for one.
 */
export interface Part {
  readonly name: string;
  readonly rows: number;
  /** Of its rows, s since the epoch; both 0 in a table whose partitions aren't of time. */
  readonly from: number;
  readonly to: number;
}

/** µs, both included. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export const ALWAYS: Span = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

interface Blocks extends Part {
  readonly partition: string;
  readonly first: number;
  readonly last: number;
  readonly mutation: string;
}

const PART = /^([^_-]+)_(\d+)_(\d+)_\d+(?:_(\d+))?$/;

/** Null for a patch, and for what has a name of another form. */
function blocksOf(part: Part): Blocks | null {
  const [, partition, first, last, mutation = ''] = PART.exec(part.name) ?? [];
  return partition === undefined ? null : { ...part, partition, first: Number(first), last: Number(last), mutation };
}

const spanOf = ({ from, to }: Part): Span =>
  from === 0 && to === 0 ? ALWAYS : { from: from * 1e6, to: to * 1e6 + 999_999 };

const holds = (outer: Blocks, inner: Blocks): boolean =>
  outer.partition === inner.partition && outer.first <= inner.first && inner.last <= outer.last;

/** Whether all rows of `part`, and no others of its blocks, stood in `before`. */
function isMerge(part: Blocks, before: readonly Blocks[]): boolean {
  const within = before.filter((each) => holds(part, each)).sort((a, b) => a.first - b.first);
  let next = part.first;
  let rows = 0;
  for (const each of within) {
    if (each.first !== next || each.mutation !== part.mutation) return false;
    next = each.last + 1;
    rows += each.rows;
  }
  return next === part.last + 1 && rows === part.rows;
}

/** Times whose rows may have changed from one look at a table's parts to the next. */
export function changedSpans(before: readonly Part[], now: readonly Part[]): Span[] {
  const known = new Set(before.map(({ name }) => name));
  const still = new Set(now.map(({ name }) => name));
  const added = now.filter(({ name }) => !known.has(name));
  const gone = before.filter(({ name }) => !still.has(name)).flatMap((part) => blocksOf(part) ?? []);
  const addedBlocks = added.map(blocksOf);
  // A patch doesn't tell of which times it is.
  if (addedBlocks.includes(null)) return [ALWAYS];
  const blocks = addedBlocks as Blocks[];
  const merges = blocks.filter((part) => isMerge(part, gone));
  return [
    ...blocks.filter((part) => !merges.includes(part)).map(spanOf),
    ...gone.filter((part) => !merges.some((each) => holds(each, part))).map(spanOf),
  ];
}

/** Changes that are remembered; what was read before the oldest of them is taken for changed. */
const KEPT = 500;

/** What has changed in a table since a moment, for those who keep what they read then. */
export class ChangeLog {
  #parts: readonly Part[] | null = null;
  #changes: { readonly at: number; readonly span: Span }[] = [];
  #at = 0;
  #since = 0;

  /** How the table is now. */
  look(parts: readonly Part[]): void {
    const spans = this.#parts === null ? [ALWAYS] : changedSpans(this.#parts, parts);
    this.#parts = parts;
    if (spans.length === 0) return;
    this.#at++;
    this.#changes.push(...spans.map((span) => ({ at: this.#at, span })));
    if (this.#changes.length <= KEPT) return;
    this.#since = this.#changes[this.#changes.length - KEPT - 1]!.at;
    this.#changes = this.#changes.filter(({ at }) => at > this.#since);
  }

  /** It isn't known how the table is, or what happened to it. */
  lose(): void {
    this.#parts = null;
  }

  /** The moment of the newest look; null when there is none that holds. */
  now(): number | null {
    return this.#parts === null ? null : this.#at;
  }

  /** Times that have changed from a moment to the newest look; null when that isn't known. */
  changedSince(since: number): Span[] | null {
    if (this.#parts === null || since < this.#since) return null;
    return this.#changes.filter(({ at }) => at > since).map(({ span }) => span);
  }

  /** The partitions that have rows. */
  partitions(): string[] {
    return [...new Set((this.#parts ?? []).flatMap((part) => blocksOf(part)?.partition ?? []))];
  }

  /** Whether no row of these times has changed from a moment to the newest look. */
  unchanged(since: number, { from, to }: Span): boolean {
    const changed = this.changedSince(since);
    return changed !== null && !changed.some((span) => span.from <= to && from <= span.to);
  }
}
