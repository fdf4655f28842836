/** In what the stored headers of two hops differ. */
import { headersOf } from '../privacy/headers/header-keeper.ts';
import { type Difference, type Direction, difference } from './difference.ts';

interface Fields {
  readonly values: ReadonlyMap<string, string>;
  /** A field that isn't among them may have been there. */
  readonly incomplete: boolean;
}

/** Names in brackets are marks of what isn't stored. */
function fieldsOf(text: string): Fields {
  const [marks, fields] = [[], []] as [string[], [string, string][]];
  for (const { name, value } of headersOf(text)) {
    if (name.startsWith('[')) marks.push(name);
    else fields.push([name, value]);
  }
  return { values: new Map(fields), incomplete: marks.length > 0 };
}

/** In the order of the call's headers, then of the hop's. None when those of one aren't stored. */
export function headerDifferences(call: string, hop: string, direction: Direction): Difference[] {
  if (call === '' || hop === '') return [];
  const [own, others] = [fieldsOf(call), fieldsOf(hop)];
  const found: Difference[] = [];
  for (const name of new Set([...own.values.keys(), ...others.values.keys()])) {
    const [a, b] = [own.values.get(name), others.values.get(name)];
    if (a === b || (a === undefined && own.incomplete) || (b === undefined && others.incomplete)) continue;
    found.push(difference(name, a, b, direction));
  }
  return found;
}
