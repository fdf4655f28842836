/** Text for people: cut to a length. */

/** At most `charsMax` UTF-16 units, never half a surrogate pair. */
export function cutText(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const last = text.charCodeAt(charsMax - 1);
  const half = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, half ? charsMax - 1 : charsMax);
}

/**
 * The same as a text of its own, to be kept: what `slice` gives holds all of the text that it was cut from, which may be a
 * thousand times as large.
 */
export function ownText(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const cut = cutText(text, charsMax);
  const encoding = cut.isWellFormed() ? 'utf8' : 'utf16le';
  return Buffer.from(cut, encoding).toString(encoding);
}
