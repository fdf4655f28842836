/** Text for people: cut to a length, and without what clients add to a user's words. */

const REMINDER = '<system-reminder>';
const REMINDER_END = '</system-reminder>';

/** At most `charsMax` UTF-16 units, never half a surrogate pair. */
export function cutText(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const last = text.charCodeAt(charsMax - 1);
  const half = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, half ? charsMax - 1 : charsMax);
}

/** The text behind the `<system-reminder>` blocks at its beginning; '' when there is nothing else. A text without any is left as it is. */
export function withoutReminders(text: string): string {
  let rest = text;
  for (;;) {
    const trimmed = rest.trimStart();
    if (!trimmed.startsWith(REMINDER)) return trimmed === '' ? '' : rest;
    const end = trimmed.indexOf(REMINDER_END);
    if (end < 0) return '';
    rest = trimmed.slice(end + REMINDER_END.length).trimStart();
  }
}
