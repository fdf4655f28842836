/** What an OTLP exporter shows. A receiver that is down is no reason to take this process out of service: it is told in the metrics. */
import type { OtlpExporter } from '../../otlp/exporter.ts';
import { sample } from '../metrics.ts';
import type { Observed } from '../observed.ts';

const since = (ms: number): number => (Date.now() - ms) / 1000;

export function otlpObserved(exporter: Pick<OtlpExporter, 'stats'>): Observed {
  return {
    *samples() {
      for (const [signal, stats] of exporter.stats) {
        const labels = { signal };
        yield sample('bittern_otlp_sent_total', stats.sent, labels);
        yield sample('bittern_otlp_rejected_total', stats.rejected, labels);
        yield sample('bittern_otlp_retries_total', stats.retries, labels);
        for (const [status, count] of stats.refusals)
          yield sample('bittern_otlp_refusals_total', count, { signal, status: String(status) });
        yield sample('bittern_otlp_held', Number(stats.held), labels);
        yield sample(
          'bittern_otlp_oldest_waiting_seconds',
          stats.oldestMs === null ? 0 : since(stats.oldestMs),
          labels,
        );
        yield sample('bittern_otlp_caught_up_age_seconds', since(stats.caughtUpMs), labels);
      }
    },
    facts: () => {
      const ages = [...exporter.stats.values()].map(({ caughtUpMs }) => since(caughtUpMs));
      return { otlp_caught_up_age_seconds: Math.max(0, ...ages) };
    },
  };
}
