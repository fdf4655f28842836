/** What clients add to a user's words. */

/** Tags of blocks that clients put before a user's words. */
const REMINDERS = ['system-reminder', 'current_datetime'] as const;

/** The text behind the blocks of clients (`<system-reminder>` …) at its beginning; '' when there is nothing else. A text without any is left as it is. */
export function withoutReminders(text: string): string {
  let rest = text;
  for (;;) {
    const trimmed = rest.trimStart();
    const tag = REMINDERS.find((name) => trimmed.startsWith(`<${name}>`));
    if (tag === undefined) return trimmed === '' ? '' : rest;
    const close = `</${tag}>`;
    const end = trimmed.indexOf(close);
    if (end < 0) return '';
    rest = trimmed.slice(end + close.length).trimStart();
  }
}
