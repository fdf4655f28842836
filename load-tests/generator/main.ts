/**
 * Writes generated traffic and its manifest:
 *
 *     node load-tests/generator/main.ts --seed 7 --calls 600 --out x.pcap [--reorder 0.02] [--duplicate 0.02] [--loss 0.001]
 *       [--snap-length 262144] [--mid-stream 0.03] [--pipelining 0.08] [--segmentation mixed|mss|tiny|random|super]
 *       [--encapsulation none|mixed|vxlan|…] [--http2 0.2] [--sockets 0.2] [--carried]
 *
 * x.pcap and x.manifest.jsonl. With --reference: the traffic for measurements of speed, without a manifest.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { writeManifest } from '../manifest.ts';
import { GENERATOR_DEFAULTS, generate } from './generate.ts';
import { writeReference } from './reference.ts';

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    seed: { type: 'string', default: String(GENERATOR_DEFAULTS.seed) },
    calls: { type: 'string', default: String(GENERATOR_DEFAULTS.calls) },
    reorder: { type: 'string', default: String(GENERATOR_DEFAULTS.reorder) },
    duplicate: { type: 'string', default: String(GENERATOR_DEFAULTS.duplicate) },
    loss: { type: 'string', default: String(GENERATOR_DEFAULTS.loss) },
    'snap-length': { type: 'string', default: String(GENERATOR_DEFAULTS.snapLengthBytes) },
    'mid-stream': { type: 'string', default: String(GENERATOR_DEFAULTS.midStream) },
    pipelining: { type: 'string', default: String(GENERATOR_DEFAULTS.pipelining) },
    sockets: { type: 'string', default: String(GENERATOR_DEFAULTS.sockets) },
    segmentation: { type: 'string', default: GENERATOR_DEFAULTS.segmentation },
    http2: { type: 'string', default: String(GENERATOR_DEFAULTS.http2) },
    encapsulation: { type: 'string', default: GENERATOR_DEFAULTS.encapsulation },
    carried: { type: 'boolean', default: false },
    reference: { type: 'boolean', default: false },
  },
});

function number(name: keyof typeof values): number {
  const value = Number(values[name]);
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} must be a number that isn't negative`);
  return value;
}

const SEGMENTATIONS = ['mixed', 'mss', 'tiny', 'random', 'super'] as const;

function segmentation(value: string): (typeof SEGMENTATIONS)[number] {
  const found = SEGMENTATIONS.find((each) => each === value);
  if (found === undefined) throw new Error(`--segmentation must be one of ${SEGMENTATIONS.join(', ')}`);
  return found;
}

if (values.out === undefined) throw new Error('--out FILE is missing: where should the capture go?');

if (values.reference) {
  const written = await writeReference({ seed: number('seed'), calls: number('calls') }, values.out);
  process.stdout.write(`${written.calls} calls, ${written.packets} packets, ${written.bytes} bytes in ${values.out}\n`);
} else {
  const { pcap, manifest } = generate({
    seed: number('seed'),
    calls: number('calls'),
    reorder: number('reorder'),
    duplicate: number('duplicate'),
    loss: number('loss'),
    snapLengthBytes: number('snap-length'),
    midStream: number('mid-stream'),
    pipelining: number('pipelining'),
    http2: number('http2'),
    sockets: number('sockets'),
    segmentation: segmentation(values.segmentation),
    encapsulation: values.encapsulation,
    carried: values.carried,
  });
  const base = values.out.replace(/\.pcap$/, '');
  writeFileSync(values.out, pcap);
  await writeManifest(`${base}.manifest.jsonl`, manifest);
  process.stdout.write(
    `${manifest.calls.length} calls, ${manifest.exchanges.length} other exchanges, ${manifest.capture.packets} packets, ${pcap.length} bytes in ${values.out}\n`,
  );
}
