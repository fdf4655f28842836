import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClickHouseError } from '@clickhouse/client';
import { pino } from 'pino';
import { BitternError, toldOf } from '../common/errors.ts';
import { jsonLog, textLog } from './log.ts';

const SECRET = 'sk-planted-in-a-test';

function failing(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}

/** Errors as libraries make them, each with a piece of what they worked on in its message. */
const HOSTILE: readonly unknown[] = [
  failing(() => JSON.parse(`{"authorization": ${SECRET}`)),
  new ClickHouseError({
    message: `Cannot parse input: ${SECRET}`,
    code: '27',
    type: 'CANNOT_PARSE_INPUT_ASSERTION_FAILED',
  }),
  new TypeError(`${SECRET} is not a function`),
  Object.assign(new Error(`refused ${SECRET}`), { code: `E ${SECRET}`, type: SECRET.repeat(9) }),
  `thrown text ${SECRET}`,
  { toString: () => SECRET },
];

test('no log shows what the message of a foreign error quotes', () => {
  const lines: string[] = [];
  const logs = [
    textLog((line) => void lines.push(line)),
    jsonLog(pino({}, { write: (line) => void lines.push(line) })),
  ];
  for (const error of HOSTILE) for (const log of logs) log.fail(error);
  assert.ok(lines.length >= 2 * HOSTILE.length);
  assert.deepEqual(
    lines.filter((line) => line.includes(SECRET)),
    [],
  );
});

test('what helps is told: names, codes, where it happened, and what the system says', () => {
  assert.equal(toldOf(HOSTILE[1]), 'CANNOT_PARSE_INPUT_ASSERTION_FAILED 27');
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:8123'), {
    syscall: 'connect',
    code: 'ECONNREFUSED',
  });
  assert.equal(toldOf(refused), 'connect ECONNREFUSED 127.0.0.1:8123');
  const lines: string[] = [];
  textLog((line) => void lines.push(line)).fail(new TypeError('x'));
  assert.equal(lines[0], 'bittern: unexpected error: TypeError');
  assert.match(lines[1] ?? '', /^ {4}at .*log\.test\.ts/);
});

test('an event is one line of JSON, with the code of what ended the process', () => {
  const lines: string[] = [];
  const log = jsonLog(pino({}, { write: (line) => void lines.push(line) }));
  log.note('Sink is running.');
  log.fail(new BitternError('BIT_KAFKA_UNREACHABLE', 'No broker answers.\nReally.'));
  const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(
    lines.every((line) => line.indexOf('\n') === line.length - 1),
    true,
  );
  assert.equal(first?.msg, 'Sink is running.');
  assert.deepEqual([second?.code, second?.msg], ['BIT_KAFKA_UNREACHABLE', 'No broker answers.\nReally.']);
});
