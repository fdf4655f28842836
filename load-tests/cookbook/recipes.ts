/** The queries of docs/cookbook.md: the page is their only source. */
import { readFileSync } from 'node:fs';

/** What a query is for sets how long it may take over a million calls, ms. */
export const LIMITS_MS = { dashboard: 200, lookup: 50, search: 1000 } as const;

export interface Recipe {
  readonly question: string;
  readonly kind: keyof typeof LIMITS_MS;
  readonly sql: string;
}

const PAGE = new URL('../../docs/cookbook.md', import.meta.url);

export function recipes(page = readFileSync(PAGE, 'utf8')): Recipe[] {
  return page
    .split(/^### /m)
    .slice(1)
    .flatMap((section) => {
      const question = section.slice(0, section.indexOf('\n'));
      return [...section.matchAll(/^```sql (\w+)\n([^`]*)```/gm)].map(([, kind, sql]) => {
        if (!(kind! in LIMITS_MS)) throw new Error(`'${question}' has no kind of query: ${kind}`);
        return { question, kind: kind as Recipe['kind'], sql: sql! };
      });
    });
}

/** Puts values where the page has words in capitals: `'SESSION'`, `'%WORDS%'`. */
export function filled(sql: string, values: Readonly<Record<string, string>>): string {
  return sql.replace(/'(%?)([A-Z]{4,})(%?)'/g, (whole, before: string, name: string, after: string) => {
    const value = values[name];
    return value === undefined ? whole : `'${before}${value}${after}'`;
  });
}
