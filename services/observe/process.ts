/** What any process shows: CPU, memory, how busy its event loop is. Names as Prometheus' own clients give them. */
import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import { sample } from './metrics.ts';
import type { Observed } from './observed.ts';

export function processObserved(): Observed {
  let before: EventLoopUtilization = performance.eventLoopUtilization();
  const startedSeconds = performance.timeOrigin / 1000;
  return {
    *samples() {
      const { user, system } = process.cpuUsage();
      const { rss, heapUsed, external } = process.memoryUsage();
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      yield sample('process_cpu_seconds_total', (user + system) / 1e6);
      yield sample('process_resident_memory_bytes', rss);
      yield sample('process_start_time_seconds', startedSeconds);
      yield sample('nodejs_heap_size_used_bytes', heapUsed);
      yield sample('nodejs_external_memory_bytes', external);
      yield sample('nodejs_eventloop_utilization_ratio', utilization);
    },
  };
}
