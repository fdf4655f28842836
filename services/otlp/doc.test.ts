import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { attributeTables } from './doc.ts';

test('docs/opentelemetry.md lists what is sent as it is', () => {
  const page = readFileSync(new URL('../../docs/opentelemetry.md', import.meta.url), 'utf8');
  assert.ok(page.includes(`\n${attributeTables()}\n`), 'print the tables with `node services/otlp/doc.ts`');
});
