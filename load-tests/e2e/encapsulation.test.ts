import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodePacket } from '../../mirror/decode/link.ts';
import { DECODED, Packet } from '../../mirror/decode/packet.ts';
import type { PacketSink } from '../../mirror/readers/packet-sink.ts';
import { CaptureSource } from '../../mirror/readers/source.ts';
import { compare } from '../compare.ts';
import { generate } from '../generator/generate.ts';
import { missingPrograms, withFolder } from '../testing.ts';
import { type TsharkSegment, tsharkSegments } from '../tshark.ts';
import { ENCAPSULATIONS } from '../wire/encapsulation.ts';
import { observeCapture, rowsOf } from './observe.ts';

const NAMES = [...Object.keys(ENCAPSULATIONS), 'mixed'];

/** What our decoders find in a capture, as tshark's output is shown. */
function segmentsOf(pcap: Buffer): TsharkSegment[] {
  const segments: TsharkSegment[] = [];
  const packet = new Packet();
  let frame = 0;
  const sink: PacketSink = {
    packet(bytes, start, captured, wire, time, linkType) {
      frame++;
      packet.time = time;
      if (decodePacket(packet, bytes, start, captured, wire, linkType) !== DECODED) return;
      const { payloadStart: from, payloadCaptured: length, sourcePort, targetPort, seq } = packet;
      const payload = length === 0 ? '' : packet.bytes.toString('hex', from, from + length);
      segments.push({ frame, sourcePort, targetPort, seq: seq >>> 0, payload });
    },
    note: (sentence) => assert.fail(sentence),
    damaged: () => assert.fail('damaged'),
    kernelDrops: () => assert.fail('drops'),
  };
  new CaptureSource('x', sink).write(pcap);
  return segments;
}

for (const encapsulation of NAMES) {
  test(`${encapsulation}: every stored call equals the manifest`, async () => {
    const { pcap, manifest } = generate({ seed: 71, calls: 40, encapsulation, reorder: 0.01, duplicate: 0.01 });
    const observed = await observeCapture(pcap);
    assert.deepEqual(compare(manifest, rowsOf(observed)).differences.slice(0, 4), []);
    assert.deepEqual(
      observed.reports.flatMap((report) => report.losses.filter((loss) => loss.reason !== 'not_http')),
      [],
    );
  });

  test(`${encapsulation}: tshark finds the same TCP segments`, { skip: missingPrograms('tshark') }, async () => {
    const { pcap } = generate({ seed: 72, calls: 12, encapsulation, segmentation: 'mss' });
    const theirs = await withFolder((folder) => {
      const path = join(folder, 'x.pcap');
      writeFileSync(path, pcap);
      return tsharkSegments(path);
    });
    const ours = segmentsOf(pcap);
    assert.ok(theirs.length > 100);
    const show = (segment: TsharkSegment): string => JSON.stringify(segment).slice(0, 150);
    const at = ours.findIndex((segment, index) => JSON.stringify(segment) !== JSON.stringify(theirs[index]));
    assert.equal(at < 0 ? '' : `ours ${show(ours[at]!)}`, at < 0 ? '' : `tshark ${theirs[at] && show(theirs[at])}`);
    assert.equal(ours.length, theirs.length);
  });
}
