/** JSON text with the members of every object sorted and no space: equal for values that are equal as JSON. */

/** Deeper values stand as their kind only: arguments don't nest so deep, and recursion must end. */
const DEPTH_MAX = 200;

export function canonicalJson(value: unknown, depth = 0): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (depth >= DEPTH_MAX) return Array.isArray(value) ? '[]' : '{}';
  if (Array.isArray(value)) {
    const items = value.map((item) => canonicalJson(item, depth + 1));
    return `[${items.join(',')}]`;
  }
  const members: string[] = [];
  const object = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(object).sort())
    members.push(`${JSON.stringify(key)}:${canonicalJson(object[key], depth + 1)}`);
  return `{${members.join(',')}}`;
}
