/** tshark's HTTP/2 dissector as a second opinion on generated captures: the same requests and the same statuses, streams and all. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { CAPTURE_DEFAULTS, Capture } from '../../mirror/index.ts';
import { HttpAssembler } from '../../services/http/assembler.ts';
import { HTTP_DEFAULTS } from '../../services/http/options.ts';
import { Recorder, TEST_MASKER } from '../../services/http/testing.ts';
import { GENERATOR_DEFAULTS, generate } from '../generator/generate.ts';
import { missingPrograms, withFolder } from '../testing.ts';

const PORTS = [80, 8000, 8080, 11_434, 4000];

/** `POST /path` for each request and the status of each response, interim ones included, sorted. */
function byTshark(file: string): string[] {
  const fields = ['http2.headers.method', 'http2.headers.path', 'http2.headers.status'];
  const text = execFileSync(
    'tshark',
    [
      ...[
        '-2',
        '-r',
        file,
        '-o',
        'tcp.reassemble_out_of_order:TRUE',
        '-T',
        'fields',
        '-E',
        'separator=|',
        '-E',
        'aggregator=;',
      ],
      ...PORTS.flatMap((port) => ['-d', `tcp.port==${port},http2`]),
      ...fields.flatMap((field) => ['-e', field]),
      ...['-Y', 'http2.headers'],
    ],
    { maxBuffer: 1 << 28 },
  ).toString();
  const list = (cell: string | undefined): string[] => (cell ?? '').split(';').filter((value) => value !== '');
  return text
    .split('\n')
    .flatMap((line) => {
      const [methods, paths, statuses] = line.split('|');
      const requests = list(methods).map((method, at) => `${method} ${list(paths)[at]?.split('?')[0]}`);
      return [...requests, ...list(statuses)];
    })
    .sort();
}

function byOurs(pcap: Buffer): string[] {
  const recorder = new Recorder();
  const assembler = new HttpAssembler(HTTP_DEFAULTS, recorder, TEST_MASKER);
  const capture = new Capture(CAPTURE_DEFAULTS, (frame) => assembler.feed(frame));
  capture.nextSource('generated');
  capture.write(pcap);
  capture.end('eof');
  assembler.end();
  return recorder.ended
    .flatMap(({ exchange: { requestHead, responseHead, interim } }) => {
      const statuses = [...interim, ...(responseHead === null ? [] : [responseHead.status])];
      return [`${requestHead?.method} ${requestHead?.path}`, ...statuses.map(String)];
    })
    .sort();
}

test('tshark finds the same requests and statuses in HTTP/2', { skip: missingPrograms('tshark') }, async () => {
  await withFolder(async (folder) => {
    for (const [seed, segmentation] of [
      [1, 'mss'],
      [2, 'random'],
      [3, 'super'],
    ] as const) {
      const { pcap } = generate({ ...GENERATOR_DEFAULTS, seed, segmentation, calls: 100, http2: 1, midStream: 0 });
      const file = path.join(folder, `${seed}.pcap`);
      writeFileSync(file, pcap);
      const ours = byOurs(pcap);
      assert.ok(ours.length > 200);
      assert.deepEqual(ours, byTshark(file));
    }
  });
});
