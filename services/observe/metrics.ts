/**
 * Every metric that Bittern shows, in the Prometheus conventions: base units, `_total` for what only grows. Labels have few
 * values each: topics, partitions, tables, reasons; never an agent, a session or anything else that comes from the traffic.
 * docs/operate.md lists them, and a test keeps it equal to this.
 */

export interface MetricDefinition {
  /** `summary`: a sum and a count of it, `NAME_sum` and `NAME_count`. */
  readonly type: 'counter' | 'gauge' | 'summary';
  readonly labels: readonly string[];
  readonly help: string;
}

const counter = (help: string, ...labels: readonly string[]): MetricDefinition => ({ type: 'counter', labels, help });
const gauge = (help: string, ...labels: readonly string[]): MetricDefinition => ({ type: 'gauge', labels, help });
const summary = (help: string, ...labels: readonly string[]): MetricDefinition => ({ type: 'summary', labels, help });

export const METRICS = {
  bittern_info: gauge('1; which stage and version this process is.', 'stage', 'version'),
  bittern_ready: gauge('1 when /readyz answers 200, else 0.'),
  bittern_not_ready: gauge('1 for each reason for which /readyz answers 503.', 'reason'),

  bittern_consumer_records_total: counter('Records that the stage is done with.', 'topic'),
  bittern_consumer_bytes_total: counter(
    'Their keys and values, bytes as stored on Kafka after decompression.',
    'topic',
  ),
  bittern_consumer_batch_records: summary('Records handed to the stage at once.', 'topic'),
  bittern_consumer_lag_records: gauge(
    'Records between the committed offset and the end of the partition. A reassembler commits behind the oldest exchange in flight.',
    'topic',
    'partition',
  ),
  bittern_consumer_unhandled_records: gauge(
    'Records between the last one that the stage is done with and the end of the partition.',
    'topic',
    'partition',
  ),
  bittern_consumer_delay_seconds: gauge(
    'How old the newest record was when the stage was done with it, by the clock of whoever published it.',
    'topic',
    'partition',
  ),
  bittern_consumer_last_record_age_seconds: gauge('Time since the stage was done with a record.', 'topic'),
  bittern_consumer_queued_bytes: gauge('Bytes fetched and not yet handled.', 'topic'),
  bittern_consumer_partitions: gauge('Partitions that this process owns.', 'topic'),
  bittern_consumer_paused_partitions: gauge('Of these, paused because too many bytes wait.', 'topic'),
  bittern_consumer_rebalances_total: counter('Assignments received.', 'topic'),
  bittern_consumer_restarts_total: counter('Restarts of the client after it lost its brokers.', 'topic'),
  bittern_consumer_commits_total: counter(
    'Commits by result: committed, fenced (the partition has another owner now), retried.',
    'topic',
    'result',
  ),
  bittern_consumer_dead_letters_total: counter('Records that went to the dead letters, by reason.', 'reason'),

  bittern_producer_records_total: counter('Records acknowledged by the brokers.', 'topic'),
  bittern_producer_bytes_total: counter('Their bytes, before compression.', 'topic'),
  bittern_producer_request_bytes: summary('Bytes of one acknowledged request, before compression.', 'topic'),
  bittern_producer_queued_bytes: gauge('Bytes gathered or sent, and not acknowledged.', 'topic'),

  bittern_reassembler_calls_total: counter('LLM calls passed on.'),
  bittern_reassembler_exchanges_total: counter('Other HTTP exchanges passed on.'),
  bittern_reassembler_ended_total: counter(
    'Connections that a time limit has ended: idle (no frames), cut (an exchange that lasted too long).',
    'reason',
  ),
  bittern_reassembler_watermark_age_seconds: gauge(
    'How long ago the first frame came that something unfinished needs, by the clock of the partition; 0: nothing is unfinished.',
    'partition',
  ),
  bittern_reassembler_connections: gauge('Connections of which something is unfinished or remembered.', 'partition'),
  bittern_reassembler_overtaken_total: counter('How often frames were deleted by the retention before they were read.'),
  bittern_reassembler_checkpoints_missing_total: counter('Committed checkpoints that were not there any more.'),

  bittern_worker_utilization_ratio: gauge(
    'Share of its time that a worker thread was busy, since the last scrape.',
    'worker',
  ),
  bittern_worker_heap_used_bytes: gauge(
    'JavaScript heap in use of a worker thread, as of the last frames it was done with.',
    'worker',
  ),

  bittern_lost_bytes_total: counter(
    'Bytes that a stage could not use, by reason. Stages: probe (as of its last report, every 10 s), http, llm.',
    'stage',
    'reason',
  ),
  bittern_lost_packets_total: counter('Packets that a probe missed or left out, by reason.', 'stage', 'reason'),
  bittern_gaps_total: counter('Holes in the streams that reached HTTP.'),
  bittern_redactions_total: counter('Secrets that were replaced in stored texts, by rule.', 'rule'),

  bittern_tracker_calls_total: counter('Stored calls that the tracker has taken.'),
  bittern_tracker_retold_total: counter('Sessions told anew, since a call came late.'),
  bittern_tracker_hops_total: counter('Calls that were the next hop of another one.'),
  bittern_tracker_unsearched_hops_total: counter(
    'Calls of which so many others look like a hop at the same time that only the nearest were looked at.',
  ),
  bittern_tracker_corrections_total: counter('Calls that were put into their place after they had been stored.'),
  bittern_tracker_findings_total: counter('Findings written, each time that one changed.'),
  bittern_tracker_stories: gauge('Sessions in memory.'),
  bittern_tracker_packed_stories: gauge('Those among them that are packed.'),
  bittern_tracker_story_bytes: gauge('Memory that they take, as estimated.'),
  bittern_tracker_waiting: gauge('Chained requests whose response is not known.'),
  bittern_tracker_caught_up_age_seconds: gauge('Time since it had taken all stored calls; 0 before the first time.'),

  bittern_otlp_sent_total: counter(
    'Spans, points of metrics and log events that the receiver of OTLP has taken.',
    'signal',
  ),
  bittern_otlp_rejected_total: counter('Those that it refused: they are not sent again.', 'signal'),
  bittern_otlp_retries_total: counter('Requests to it that were sent again.', 'signal'),
  bittern_otlp_refusals_total: counter(
    'Requests that it answered with anything but success, by HTTP status.',
    'signal',
    'status',
  ),
  bittern_otlp_held: gauge(
    '1 while it refuses whatever is sent (credentials, path, encoding), else 0: the data waits for an operator.',
    'signal',
  ),
  bittern_otlp_oldest_waiting_seconds: gauge(
    'Age of the oldest of what waits to be sent; 0: nothing waits. What is deleted by its retention meanwhile is not sent.',
    'signal',
  ),
  bittern_otlp_caught_up_age_seconds: gauge('Time since all that was ready was sent, or since the start.', 'signal'),

  bittern_sink_added_total: counter('Calls and exchanges taken by the sink.'),
  bittern_sink_acknowledged_total: counter('Of these, so many are done with.'),
  bittern_sink_rows_total: counter('Rows written.', 'table'),
  bittern_sink_skipped_total: counter(
    'Not written: already_stored (it came twice), disowned (the partition has another owner now).',
    'reason',
  ),
  bittern_sink_dead_letters_total: counter('Rows that ClickHouse refused for their data; they are in dead_letters.'),
  bittern_sink_retries_total: counter('Requests to ClickHouse that failed and were tried again.'),
  bittern_sink_late_total: counter(
    'Inserts that ClickHouse refused because they reached it too late; they are tried again.',
  ),
  bittern_sink_batch_rows: summary('Calls and exchanges of one batch.'),
  bittern_sink_queued_bytes: gauge('Bytes that wait for ClickHouse, the batch under way included.'),
  bittern_sink_acknowledged_age_seconds: gauge('Time since a batch was done with; 0 before the first.'),
  bittern_store_up: gauge('1 when ClickHouse answered the last ping, else 0.'),

  bittern_capture_packets_total: counter('Packets seen, as of the last report (every 10 s).'),
  bittern_capture_bytes_total: counter('Bytes of these packets on the wire.'),
  bittern_capture_frames_total: counter('Frames made of them.'),
  bittern_capture_payload_bytes_total: counter('Bytes of connections in these frames.'),
  bittern_capture_last_packet_age_seconds: gauge('Time since packets came.'),
  bittern_bus_queued_bytes: gauge('Bytes that wait between two stages of one process.', 'topic'),

  process_cpu_seconds_total: counter('CPU time, user and system.'),
  process_resident_memory_bytes: gauge('Resident memory.'),
  process_start_time_seconds: gauge('Start, seconds since the epoch.'),
  nodejs_heap_size_used_bytes: gauge('JavaScript heap in use.'),
  nodejs_external_memory_bytes: gauge('Memory outside of the heap that it holds: buffers.'),
  nodejs_eventloop_utilization_ratio: gauge('Share of the time since the last scrape that the event loop was busy.'),
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof METRICS;
export type Labels = Readonly<Record<string, string | number>>;

/** One value of a metric at this moment. */
export interface Sample {
  readonly name: MetricName;
  readonly labels: Labels;
  readonly value: number;
  /** Of a summary, whose `value` is the sum. */
  readonly count?: number;
}

const NO_LABELS: Labels = {};

export function sample(name: MetricName, value: number, labels: Labels = NO_LABELS): Sample {
  return { name, labels, value };
}

export function summed(name: MetricName, sum: number, count: number, labels: Labels = NO_LABELS): Sample {
  return { name, labels, value: sum, count };
}
