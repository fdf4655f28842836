import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  startsFrames,
  startsRequest,
  startsRequestLine,
  startsResponse,
  startsServerPreface,
  startsStatusLine,
} from './content.ts';
import { HANDSHAKE, lines, REQUEST, RESPONSE, run, type Step } from './scenario.ts';

const request = (text: string): boolean => startsRequest(Buffer.from(text, 'latin1'), 0, text.length);
const response = (text: string): boolean => startsResponse(Buffer.from(text, 'latin1'), 0, text.length);

test('request lines in all forms of their target are HTTP, and so is the HTTP/2 preface', () => {
  const forms = [
    'GET / H',
    'OPTIONS * HTTP/1.1',
    'CONNECT api.example:443 H',
    'GET http://x/ H',
    'M-SEARCH * H',
    '\r\nPOST /v1',
    'PRI * HTTP/2.0',
  ];
  for (const text of forms) assert.ok(request(text), text);
});

test('in the middle of a connection only a whole start line tells who is who', () => {
  const line = (text: string): boolean => startsRequestLine(Buffer.from(text), 0, text.length);
  const status = (text: string): boolean => startsStatusLine(Buffer.from(text), 0, text.length);
  assert.ok(line('POST /v1/messages HTTP/1.1\r\nhost: x'));
  assert.ok(line('PRI * HTTP/2.0\r\n\r\n'));
  for (const text of ['I am a sentence\r\n', 'POST /v1/messages', 'POST /v1 HTTP/1.1', 'A b HTTP\n'])
    assert.ok(!line(text), text);
  assert.ok(status('HTTP/1.1 200 OK\r\n'));
  for (const text of ['HTTP/1.1\r\nhost: x', 'HTTP/1.', 'HTTP/1.1 two']) assert.ok(!status(text), text);
});

test('TLS, SSH, databases and bare text are not', () => {
  for (const text of [
    '\x16\x03\x01\x02\x00',
    'SSH-2.0-OpenSSH',
    '*1\r\n$4\r\nPING',
    '\0\0\0\x08\x04\xd2\x16\x2f',
    'get /',
    'EHLO',
    ' GET /',
  ]) {
    assert.ok(!request(text), text);
  }
  assert.ok(response('HTTP/1.1 200') && response('HTT'));
  assert.ok(!response('220 smtp') && !response(''));
});

const SETTINGS = '\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64';

test('HTTP/2 frames tell themselves, other binary protocols do not', () => {
  const frames = (text: string): boolean => startsFrames(Buffer.from(text, 'latin1'), 0, text.length);
  const data = '\0\0\x05\0\0\0\0\0\x01hello';
  const windowUpdate = '\0\0\x04\x08\0\0\0\0\0\0\0\xff\xff';
  for (const text of [data, windowUpdate, data + data, `${data}\0\0\xff\0\x01\0\0\0\x03{`])
    assert.ok(frames(text), text);
  for (const text of [
    // Of another length; an even stream; flags that DATA hasn't; numbers in a row; what MySQL and Kafka send.
    `${data}!`,
    data.replace('\x01', '\x02'),
    data.replace('\x05\0\0', '\x05\0\x40'),
    '\0\0\0\x04\0\0\0\0\0',
    '\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04',
    '\x4a\0\0\0\x0a8.0.36\0',
    '\0\0\0\x1c\0\x03\0\x07\0\0\0\x01\0\x04test',
  ]) {
    assert.ok(!frames(text), text);
  }
  const begins = (text: string): boolean => startsServerPreface(Buffer.from(text, 'latin1'), 0, text.length);
  for (let length = 1; length <= SETTINGS.length; length++) assert.ok(begins(SETTINGS.slice(0, length)));
  assert.ok(!begins('\0\0\x06\x04\x01\0\0\0\0') && !begins('\x4a\0\0\0') && !begins('\0\0\0\0'));
});

test('an HTTP/2 server may speak before its client, in pieces of any size', () => {
  const { frames } = run([
    ...HANDSHAKE,
    dataOf('s', 5001, 1001, SETTINGS.slice(0, 2)),
    dataOf('s', 5003, 1001, SETTINGS.slice(2)),
    dataOf('c', 1001, 5016, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  ]);
  assert.equal(frames.at(-1)?.close, 'stopped');
  assert.equal(
    frames.reduce((sum, { payload }) => sum + payload.length, 0),
    SETTINGS.length + 24,
  );
});

const dataOf = (from: 'c' | 's', seq: number, ack: number, data: string): Step => ({
  from,
  flags: 'PA',
  seq,
  ack,
  data,
});

test('a connection that begins with TLS gives one frame that says so, and the rest is counted', () => {
  const { frames, report } = run([
    ...HANDSHAKE,
    dataOf('c', 1001, 5001, '\x16\x03\x01\x02\x00hello'),
    dataOf('s', 5001, 1011, '\x16\x03\x03answer'),
    dataOf('c', 1011, 5010, 'secret'),
  ]);
  assert.deepEqual(lines(frames), ['close not_http']);
  assert.deepEqual(frames[0]?.losses, [{ reason: 'not_http', packets: 1, bytes: 10 }]);
  assert.deepEqual(report.losses, [{ reason: 'not_http', packets: 3, bytes: 10 + 9 + 6 }]);
});

test('a server that speaks first and not HTTP is not HTTP', () => {
  const { frames } = run([...HANDSHAKE, dataOf('s', 5001, 1001, '220 mail ready\r\n')]);
  assert.deepEqual(lines(frames), ['close not_http']);
});

test('a server may answer before it is asked (408)', () => {
  const { frames } = run([...HANDSHAKE, dataOf('s', 5001, 1001, RESPONSE)]);
  assert.deepEqual(lines(frames), [`s ${RESPONSE}`, 'close stopped']);
});

test('a method that comes byte by byte is waited for', () => {
  const bytes = [...REQUEST].map((byte, index) => dataOf('c', 1001 + index, 5001, byte));
  const { frames } = run([...HANDSHAKE, ...bytes]);
  assert.equal(frames.map((frame) => frame.payload.toString()).join(''), REQUEST);
});

test('with sniffing off everything is kept', () => {
  const { frames } = run([...HANDSHAKE, dataOf('c', 1001, 5001, '\x16\x03\x01')], { sniff: false });
  assert.deepEqual(lines(frames), ['c \x16\x03\x01', 'close stopped']);
});

test('a joined connection is dropped only when much of both sides showed nothing like HTTP', () => {
  const chat = (count: number): Step[] =>
    Array.from({ length: count }, (_, index) => [
      dataOf('c', 9000 + index * 500, 7000 + index * 500, '\x17'.repeat(500)),
      dataOf('s', 7000 + index * 500, 9500 + index * 500, '\x17'.repeat(500)),
    ]).flat();
  const kept = run(chat(20), { sniffJoinedBytesMax: 20_000 });
  assert.equal(kept.frames.at(-1)?.close, 'stopped');
  const dropped = run(chat(40), { sniffJoinedBytesMax: 20_000 });
  assert.equal(dropped.frames.at(-1)?.close, 'not_http');
  assert.deepEqual(
    dropped.report.losses.map(({ reason }) => reason),
    ['not_http'],
  );
  assert.equal(dropped.report.payloadBytes + (dropped.report.losses[0]?.bytes ?? 0), 40_000);
});

test('roles: content before port numbers, port numbers when nothing else tells', () => {
  const high = { ip: '10.0.0.2', port: 60_000 };
  const steps = [dataOf('s', 7000, 9000, 'body…'), dataOf('c', 9000, 7005, REQUEST)].map((step) => ({
    ...step,
    server: high,
  }));
  const content = run(steps).frames[0];
  assert.deepEqual([content?.rolesSource, content?.server.port, content?.fromStart], ['content', 60_000, false]);
  const guess = run([dataOf('s', 7000, 9000, 'just bytes')]).frames[0];
  assert.deepEqual([guess?.rolesSource, guess?.server.port], ['guess', 80]);
});
