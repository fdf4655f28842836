/** Times as people type them. */
import { usageError } from './command.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `30m`, `2h`, `1.5d`: ms. @throws BitternError BIT_USAGE */
export function durationMs(text: string): number {
  const match = /^(\d{1,6}(?:\.\d{1,3})?)\s*([smhd])$/.exec(text.trim());
  if (match === null) throw usageError(`'${text}' is not a duration: write 90s, 30m, 2h or 3d.`);
  return Math.round(Number(match[1]) * (UNITS[match[2] ?? 's'] ?? 1_000));
}

/** A time (`2026-01-02T03:04:05Z`; without a zone: UTC), or a duration before now: µs since the epoch. @throws BitternError BIT_USAGE */
export function pointInTime(text: string, nowMs: number): number {
  if (/^[\d.]+\s*[smhd]$/.test(text.trim())) return (nowMs - durationMs(text)) * 1000;
  const zoned = /(Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`;
  const ms = /^\d{4}-\d\d-\d\d/.test(text)
    ? Date.parse(zoned.includes(':') ? zoned.replace(' ', 'T') : text)
    : Number.NaN;
  if (Number.isNaN(ms) || ms < 0)
    throw usageError(`'${text}' is not a time: write 2026-01-02T03:04:05Z, or 2h for two hours ago.`);
  return ms * 1000;
}
