/** What a redaction rule is: keywords that tell where to look, and a function that reads from there on. */

/** UTF-16 units of the text that are replaced: `[start, end)`. */
export interface Found {
  readonly start: number;
  readonly end: number;
}

/** Where a keyword of the given length begins, to what is there. Called nearly by rising places, once or a few times over; then all calls together take time linear in the text. */
export type Finder = (at: number, keywordLength: number) => Found | null;

export interface Keyed {
  /** Stands in the placeholder and in `calls.redactions`: lower-case letters, digits and underscores. */
  readonly name: string;
  /** A text without any of them holds nothing for the rule. */
  readonly keywords: readonly string[];
  /** The keywords' letters may be of either case. */
  readonly anyCase: boolean;
  /** A keyword with one of these characters behind it is none (`max_tokens`). */
  readonly notBefore?: string;
}

export interface Rule extends Keyed {
  /** For one text, as it is seen without escapes. */
  finder(text: string): Finder;
}

/** A rule that searches a text as a whole once any of its keywords is in it; without keywords, every text. */
export interface WholeRule extends Keyed {
  findAll(text: string): Iterable<Found>;
}
