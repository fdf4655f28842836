/** Limits on what all connections together may hold are those of the process, however many workers share the connections. */
import type { ReassemblerOptions } from '../../reassembler/reassembler.ts';

/** The part of each limit that one of so many workers has. Limits on one body, head or connection are left as they are. */
export function shareOf(options: ReassemblerOptions, workers: number): ReassemblerOptions {
  const part = (limit: number): number => Math.ceil(limit / workers);
  const { http, llm } = options;
  const { limits } = llm;
  return {
    ...options,
    http: { ...http, connectionsMax: part(http.connectionsMax), memoryBytesMax: part(http.memoryBytesMax) },
    llm: {
      ...llm,
      limits: {
        ...limits,
        openBytesMax: part(limits.openBytesMax),
        contentCacheEntries: part(limits.contentCacheEntries),
        prefixCacheBytes: part(limits.prefixCacheBytes),
        factCacheEntries: part(limits.factCacheEntries),
      },
    },
  };
}
