/** What an OTLP exporter shows. A receiver that is down is no reason to take this process out of service: it is told in the metrics. */
import type { OtlpExporter } from '../../otlp/exporter.ts';
import { sample } from '../metrics.ts';
import type { Observed } from '../observed.ts';

export function otlpObserved(exporter: Pick<OtlpExporter, 'stats'>): Observed {
  const ageSeconds = (): number => {
    const { caughtUpMs } = exporter.stats;
    return caughtUpMs === 0 ? 0 : (Date.now() - caughtUpMs) / 1000;
  };
  return {
    *samples() {
      const { sent, rejected, retries } = exporter.stats;
      for (const [signal, count] of Object.entries(sent)) yield sample('bittern_otlp_sent_total', count, { signal });
      for (const [signal, count] of Object.entries(rejected))
        yield sample('bittern_otlp_rejected_total', count, { signal });
      yield sample('bittern_otlp_retries_total', retries);
      yield sample('bittern_otlp_caught_up_age_seconds', ageSeconds());
    },
    facts: () => ({ otlp_caught_up_age_seconds: ageSeconds() }),
  };
}
