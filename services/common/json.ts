/** Reading unknown JSON without trusting its shape: each reader returns the neutral value of its type instead of throwing. */

export type JsonObject = { readonly [key: string]: unknown };

const NOTHING: readonly unknown[] = [];

export function asObject(value: unknown): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
}

export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : NOTHING;
}

export function asString(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A finite number, else null. */
export function asNumber(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** A count of tokens: a number >= 0, else null. */
export function asCount(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.trunc(value) : null;
}

/** Undefined when `text` isn't JSON (`undefined` is no JSON value). */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
