/** What somebody says that is to be silenced, checked. */
import type { Silence } from '../clickhouse/silences.ts';
import { BitternError } from '../common/errors.ts';
import { ALERT_DEFAULTS } from './defaults.ts';
import { parseMatcher } from './matcher.ts';

const SILENCE_MS_MAX = 90 * 86_400_000;
/** Characters of who made it, and of why. */
export const SILENCE_TEXT_CHARS_MAX = 500;

/** @throws BitternError BIT_SILENCE, BIT_MATCHER */
export function parseSilence(silence: Omit<Silence, 'silenceId'>): Omit<Silence, 'silenceId'> {
  const { matchers, starts, ends, createdBy, comment } = silence;
  if (matchers.length === 0 || matchers.length > ALERT_DEFAULTS.matchersMax)
    throw refused(`needs 1 to ${ALERT_DEFAULTS.matchersMax} conditions, such as agent=ops-*`);
  for (const matcher of matchers) parseMatcher(matcher);
  if (!(ends > starts)) throw refused('must end after it starts');
  if (ends - starts > SILENCE_MS_MAX) throw refused('may last 90 days at most');
  if (createdBy.length > SILENCE_TEXT_CHARS_MAX || comment.length > SILENCE_TEXT_CHARS_MAX)
    throw refused(`takes texts of ${SILENCE_TEXT_CHARS_MAX} characters at most`);
  return silence;
}

function refused(why: string): BitternError {
  return new BitternError('BIT_SILENCE', `A silence ${why}.`);
}
