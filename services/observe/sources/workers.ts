/** What the worker threads of one process show: which of them is busy, and their memory. */
import type { WorkerFigures } from '../../pipeline/threads/reassembler-threads.ts';
import { sample } from '../metrics.ts';
import type { Observed } from '../observed.ts';

export function workersObserved(pipeline: { takeWorkers(): readonly WorkerFigures[] }): Observed {
  return {
    *samples() {
      for (const { worker, utilization, heapBytes } of pipeline.takeWorkers()) {
        yield sample('bittern_worker_utilization_ratio', utilization, { worker });
        yield sample('bittern_worker_heap_used_bytes', heapBytes, { worker });
      }
    },
  };
}
