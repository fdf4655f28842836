/** A store whose queries are ended after a time, so that no request holds one of its few connections for long. */
import type { Store } from '../clickhouse/store.ts';

/** `secondsMax`: for each query, instead of what it says itself. `client.query` and `client.exec` are limited. */
export function timeLimited(store: Store, secondsMax: number): Store {
  const query: Store['client']['query'] = (params) =>
    store.client.query({
      ...params,
      clickhouse_settings: { ...params.clickhouse_settings, max_execution_time: secondsMax },
    });
  const exec: Store['client']['exec'] = (params) =>
    store.client.exec({
      ...params,
      clickhouse_settings: { ...params.clickhouse_settings, max_execution_time: secondsMax },
    });
  return Object.create(store, {
    // Looked up at every use: the store may have been given another client.
    client: {
      get: () => Object.create(store.client, { query: { value: query }, exec: { value: exec } }) as Store['client'],
    },
  }) as Store;
}
