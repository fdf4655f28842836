import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProgressBar } from './progress.ts';
import { type Column, printable, renderTable } from './table.ts';
import { formatBytes, formatMs, formatUsd } from './units.ts';

test('a table pads to the widest cell and aligns numbers to the right', () => {
  const rows = [
    { name: 'a', n: 5 },
    { name: 'long name', n: 1234 },
  ];
  const text = renderTable(rows, [
    { title: 'NAME', value: (row) => row.name },
    { title: 'N', value: (row) => String(row.n), align: 'right' },
  ]);
  assert.equal(text, 'NAME          N\na             5\nlong name  1234');
});

test('text of the traffic can not move the cursor or break a line', () => {
  assert.equal(printable('a\u001b[2Jb\nc\u202ed'), 'a·[2Jb·c·d');
});

test('a long cell is cut with an ellipsis, by characters and not by half of one', () => {
  assert.equal(renderTable([{}], [{ title: 'T', value: () => '😀😀😀😀', widthMax: 3 }]), 'T\n😀😀…');
});

test('units read naturally', () => {
  assert.equal(formatBytes(999), '999 B');
  assert.equal(formatBytes(1_234_567), '1.2 MB');
  assert.equal(formatMs(0.26), '0.3 ms');
  assert.equal(formatMs(1250), '1.3 s');
  assert.equal(formatMs(184_000), '3 min 4 s');
  assert.equal(formatUsd(0.0012), '$0.0012');
  assert.equal(formatUsd(null), '–');
});

test('the bar shows share, rate and remaining time on a terminal, and nothing elsewhere', () => {
  const written: string[] = [];
  const stream = (isTTY: boolean): NodeJS.WriteStream =>
    ({ isTTY, write: (text: string) => written.push(text) }) as unknown as NodeJS.WriteStream;
  new ProgressBar(1000, stream(false)).update(500, '3 calls');
  assert.deepEqual(written, []);
  new ProgressBar(1000, stream(true)).update(500, '3 calls');
  assert.match(written.join(''), /50 % {2}500 B of 1\.0 KB .*\/s .* left {2}3 calls/);
});

test('columns that do not fit a line are left out, from the right', () => {
  const columns: Column<string>[] = ['A', 'B', 'C'].map((title) => ({ title, value: (row) => row }));
  assert.equal(renderTable(['1234'], columns, 10), 'A     B\n1234  1234');
  assert.equal(renderTable(['1234'], columns, 9), 'A\n1234');
  assert.equal(renderTable(['1234'], columns, 1), 'A\n1234');
  assert.equal(renderTable(['1234'], columns, 16), 'A     B     C\n1234  1234  1234');
});
