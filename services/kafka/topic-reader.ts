/** Reads a topic from an offset to its present end without a consumer group: for looking at dead letters, not for the way of the data. */

import type { BaseOptions } from '@platformatic/kafka';
import { Consumer, type KafkaRecord } from '@platformatic/kafka';
import { BitternError } from '../common/errors.ts';

const EARLIEST = -2n;
const LATEST = -1n;
const FETCH_BYTES_MAX = 8 * 1024 * 1024;
const FETCH_WAIT_MS = 200;
/** Answers without a record before the end that are put up with (a leader moved, a compacted stretch). */
const EMPTY_FETCHES_MAX = 50;
const CONTROL_BATCH = 0x20;

export interface StoredRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [Buffer, Buffer])[];
}

export interface ReadRange {
  readonly topic: string;
  /** Only this partition; `null`: all of them, one after the other. */
  readonly partition: number | null;
  /** The first offset wanted; `null`: the first there is. */
  readonly from: number | null;
}

type RawConsumer = Consumer<Buffer, Buffer, Buffer, Buffer>;

export async function* readTopic(options: BaseOptions, range: ReadRange): AsyncGenerator<StoredRecord> {
  const client: RawConsumer = new Consumer({ ...options, groupId: `${options.clientId}-reader` });
  try {
    const { topic } = range;
    const low = (await client.listOffsets({ topics: [topic], timestamp: EARLIEST })).get(topic) ?? [];
    const high = (await client.listOffsets({ topics: [topic], timestamp: LATEST })).get(topic) ?? [];
    for (let partition = 0; partition < high.length; partition++) {
      if (range.partition !== null && range.partition !== partition) continue;
      const from = range.from === null ? low[partition]! : BigInt(range.from);
      yield* readPartition(client, topic, partition, from > low[partition]! ? from : low[partition]!, high[partition]!);
    }
  } finally {
    await client.close(true);
  }
}

/**
 * When the record at an offset of each partition was published (or the first one after it), ms since the epoch. Partitions
 * without such a record are left out. Reads one batch of records each, whatever its size.
 */
export async function publishedTimes(
  options: BaseOptions,
  topic: string,
  offsets: ReadonlyMap<number, number>,
): Promise<ReadonlyMap<number, number>> {
  const client: RawConsumer = new Consumer({ ...options, groupId: `${options.clientId}-reader` });
  const times = new Map<number, number>();
  try {
    for (const [partition, offset] of offsets) {
      const batches = await fetchBatches(client, topic, partition, BigInt(offset), 1);
      const time = firstTime(batches, BigInt(offset));
      if (time !== null) times.set(partition, time);
    }
  } finally {
    await client.close(true);
  }
  return times;
}

function firstTime(batches: Awaited<ReturnType<typeof fetchBatches>>, from: bigint): number | null {
  for (const { attributes, firstOffset, firstTimestamp, records } of batches) {
    if ((attributes & CONTROL_BATCH) !== 0) continue;
    const record = records.find(({ offsetDelta }) => firstOffset + BigInt(offsetDelta) >= from);
    if (record !== undefined) return Number(firstTimestamp + record.timestampDelta);
  }
  return null;
}

async function* readPartition(
  client: RawConsumer,
  topic: string,
  partition: number,
  from: bigint,
  end: bigint,
): AsyncGenerator<StoredRecord> {
  let next = from;
  let empty = 0;
  while (next < end) {
    const before = next;
    for (const batch of await fetchBatches(client, topic, partition, next, FETCH_BYTES_MAX)) {
      const control = (batch.attributes & CONTROL_BATCH) !== 0;
      for (const record of batch.records) {
        const offset = batch.firstOffset + BigInt(record.offsetDelta);
        if (control || offset < before || offset >= end) continue;
        yield stored(partition, offset, batch.firstTimestamp, record);
      }
      next = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
    }
    empty = next === before ? empty + 1 : 0;
    if (empty > EMPTY_FETCHES_MAX) {
      throw new BitternError(
        'BIT_KAFKA_UNREADABLE',
        `'${topic}', partition ${partition}, gives nothing at offset ${next}: are its brokers well?`,
      );
    }
  }
}

/** `bytesMax`: a first batch that is larger comes all the same (KIP-74). */
async function fetchBatches(
  client: RawConsumer,
  topic: string,
  partition: number,
  fetchOffset: bigint,
  bytesMax: number,
) {
  const metadata = (await client.metadata({ topics: [topic] })).topics.get(topic)!;
  const wanted = {
    partition,
    fetchOffset,
    partitionMaxBytes: bytesMax,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
  };
  const answer = await client.fetch({
    node: metadata.partitions[partition]!.leader,
    maxWaitTime: FETCH_WAIT_MS,
    minBytes: 1,
    maxBytes: bytesMax,
    topics: [{ topicId: metadata.id, partitions: [wanted] }],
  });
  return answer.responses.flatMap((each) => each.partitions).flatMap((each) => each.records ?? []);
}

function stored(partition: number, offset: bigint, firstTimestamp: bigint, record: KafkaRecord): StoredRecord {
  const headers: (readonly [Buffer, Buffer])[] = [];
  for (const [name, value] of record.headers) if (name !== null && value !== null) headers.push([name, value]);
  const timestampMs = Number(firstTimestamp + record.timestampDelta);
  return { partition, offset: Number(offset), timestampMs, key: record.key, value: record.value, headers };
}
