/**
 * Counts tokens with OpenAI's tokenizers (`gpt-tokenizer`). Each is loaded when it is first asked for: that takes time and
 * memory (load-tests/estimate/measure.ts), which nobody pays whose calls report their usage.
 */
import { createRequire } from 'node:module';

export type Encoding = 'o200k_base' | 'cl100k_base';

interface Tokenizer {
  countTokens(text: string, options: { disallowedSpecial: Set<string> }): number;
}

/** Longer runs of letters, or of blanks, are cut: merging takes time by the square of a run's length, and nobody writes such words. */
const RUN = /(\S{96}|\s{96})(?=[\s\S])/g;
const CUT = '\0';
const AS_TEXT = { disallowedSpecial: new Set<string>() };

const require = createRequire(import.meta.url);
const loaded = new Map<Encoding, Tokenizer>();

function tokenizer(encoding: Encoding): Tokenizer {
  let found = loaded.get(encoding);
  if (found === undefined) {
    found = require(`gpt-tokenizer/encoding/${encoding}`) as Tokenizer;
    loaded.set(encoding, found);
  }
  return found;
}

export function countTokens(text: string, encoding: Encoding): number {
  if (text === '') return 0;
  const { countTokens: count } = tokenizer(encoding);
  let tokens = 0;
  for (const piece of text.replace(RUN, `$1${CUT}`).split(CUT)) if (piece !== '') tokens += count(piece, AS_TEXT);
  return tokens;
}
