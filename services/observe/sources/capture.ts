/** What a probe shows: packets, frames, losses by reason; and what waits between the stages of one process. */
import type { Pump } from '../../capture/pump.ts';
import { sample } from '../metrics.ts';
import type { Observed } from '../observed.ts';

export function captureObserved(pump: Pick<Pump, 'totals' | 'lastBytesMs'>): Observed {
  const ageMs = (): number | null => (pump.lastBytesMs === 0 ? null : Date.now() - pump.lastBytesMs);
  return {
    *samples() {
      const { packets, bytes, frames, payloadBytes, losses } = pump.totals;
      yield sample('bittern_capture_packets_total', packets);
      yield sample('bittern_capture_bytes_total', bytes);
      yield sample('bittern_capture_frames_total', frames);
      yield sample('bittern_capture_payload_bytes_total', payloadBytes);
      for (const [reason, lost] of losses) {
        yield sample('bittern_lost_packets_total', lost.packets, { stage: 'probe', reason });
        yield sample('bittern_lost_bytes_total', lost.bytes, { stage: 'probe', reason });
      }
      const age = ageMs();
      if (age !== null) yield sample('bittern_capture_last_packet_age_seconds', age / 1000);
    },
    facts: () => {
      const age = ageMs();
      return { last_packet_age_seconds: age === null ? null : age / 1000 };
    },
  };
}

export function busObserved(bus: { readonly queued: ReadonlyMap<string, number> }): Observed {
  return {
    *samples() {
      for (const [topic, bytes] of bus.queued) yield sample('bittern_bus_queued_bytes', bytes, { topic });
    },
  };
}
