/** The dashboard of Bittern itself, on the metrics of docs/operate.md. */
import type { Dashboard } from './panel.ts';

export const PROCESSES: Dashboard = {
  name: 'processes',
  title: 'Bittern / Processes',
  source: 'prometheus',
  from: 'now-3h',
  panels: [
    { title: 'Processes', kind: 'table', width: 8, query: 'bittern_info' },
    { title: 'Ready', kind: 'timeseries', width: 8, query: 'bittern_ready', legend: '{{instance}}' },
    { title: 'Why not', kind: 'timeseries', width: 8, query: 'bittern_not_ready', legend: '{{instance}} {{reason}}' },
    {
      title: 'Records that wait',
      kind: 'timeseries',
      query: 'sum by (topic) (bittern_consumer_unhandled_records)',
      legend: '{{topic}}',
    },
    {
      title: 'Age of the newest record when handled',
      kind: 'timeseries',
      unit: 's',
      query: 'max by (topic) (bittern_consumer_delay_seconds)',
      legend: '{{topic}}',
    },
    {
      title: 'Records a second',
      kind: 'timeseries',
      query: 'sum by (topic) (rate(bittern_consumer_records_total[5m]))',
      legend: '{{topic}}',
    },
    {
      title: 'Packets a second',
      kind: 'timeseries',
      query: 'sum by (instance) (rate(bittern_capture_packets_total[5m]))',
      legend: '{{instance}}',
    },
    {
      title: 'Bytes lost a second',
      kind: 'timeseries',
      unit: 'Bps',
      query: 'sum by (stage, reason) (rate(bittern_lost_bytes_total[5m]))',
      legend: '{{stage}} {{reason}}',
    },
    {
      title: 'Calls and exchanges stored a second',
      kind: 'timeseries',
      query: 'sum by (table) (rate(bittern_sink_rows_total[5m]))',
      legend: '{{table}}',
    },
    {
      title: 'Bytes that wait for ClickHouse',
      kind: 'timeseries',
      unit: 'bytes',
      query: 'bittern_sink_queued_bytes',
      legend: '{{instance}}',
    },
    {
      title: 'Rows of a batch',
      kind: 'timeseries',
      query: 'rate(bittern_sink_batch_rows_sum[5m]) / rate(bittern_sink_batch_rows_count[5m])',
      legend: '{{instance}}',
    },
    {
      title: 'Dead letters in an hour',
      kind: 'timeseries',
      query: 'sum by (reason) (increase(bittern_consumer_dead_letters_total[1h]))',
      legend: '{{reason}}',
    },
    {
      title: 'Rows refused in an hour',
      kind: 'timeseries',
      query: 'sum(increase(bittern_sink_dead_letters_total[1h]))',
      legend: 'refused',
    },
    {
      title: 'Tracker behind',
      kind: 'timeseries',
      unit: 's',
      query: 'bittern_tracker_caught_up_age_seconds',
      legend: '{{instance}}',
    },
    {
      title: 'Event loop busy',
      kind: 'timeseries',
      unit: 'percentunit',
      query: 'nodejs_eventloop_utilization_ratio',
      legend: '{{instance}}',
    },
    {
      title: 'Memory',
      kind: 'timeseries',
      unit: 'bytes',
      query: 'process_resident_memory_bytes',
      legend: '{{instance}}',
    },
  ],
};
