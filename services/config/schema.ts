/**
 * The configuration, typed and documented. Each default stands in the module that it belongs to and is only taken up here;
 * the descriptions are the documentation (`bittern config --example`, docs/configuration.md).
 */
import { hostname } from 'node:os';
import { z } from 'zod';
import { TUNNEL_PORTS_MAX } from '../../mirror/decode/decode-options.ts';
import { CAPTURE_DEFAULTS, FRAME_BYTES_LIMIT } from '../../mirror/options.ts';
import { API_DEFAULTS } from '../api/defaults.ts';
import { MEMORY_BUS_DEFAULTS } from '../bus/memory-bus.ts';
import { SINK_DEFAULTS } from '../clickhouse/sink.ts';
import { STORE_DEFAULTS } from '../clickhouse/store.ts';
import { HTTP_DEFAULTS } from '../http/options.ts';
import { IDENTITY_DEFAULTS } from '../identity/mapping.ts';
import { KAFKA_DEFAULTS } from '../kafka/options.ts';
import { TOPIC_DEFAULTS } from '../kafka/topics.ts';
import { LLM_DEFAULTS } from '../llm/defaults.ts';
import { LOG_FORMATS, OBSERVER_DEFAULTS } from '../observe/defaults.ts';
import { ENCODINGS } from '../otlp/encoding.ts';
import { OTLP_DEFAULTS } from '../otlp/options.ts';
import { THREAD_DEFAULTS, WORKERS_MAX } from '../pipeline/threads/defaults.ts';
import { privacySection } from '../privacy/settings.ts';
import { REASSEMBLER_DEFAULTS } from '../reassembler/defaults.ts';
import { MERGE_DEFAULTS } from '../reassembler/merge/merger.ts';
import { rulesSection } from '../rules/settings.ts';
import {
  DETECTOR_DEFAULTS,
  DETECTOR_UNITS,
  type DetectorKind,
  type Thresholds,
} from '../tracker/detectors/settings.ts';
import { TRACKER_DEFAULTS } from '../tracker/options.ts';
import { alertsSection } from './alerts.ts';

const whole = (least: number, most: number, value: number, description: string) =>
  z.int().min(least).max(most).default(value).describe(description);
const flag = (value: boolean, description: string) => z.boolean().default(value).describe(description);
const text = (value: string, description: string) => z.string().default(value).describe(description);
const ports = (value: readonly number[], description: string) =>
  z
    .array(z.int().min(1).max(65_535))
    .max(TUNNEL_PORTS_MAX)
    .default([...value])
    .describe(description);
const headerNames = (value: readonly string[], description: string) =>
  z
    .array(z.string().regex(/^[a-z0-9!#$%&'*+.^_`|~-]+$/, 'must be a header name in lower case'))
    .default([...value])
    .describe(description);

const MB = 1024 * 1024;
const GB = 1024 * MB;
const DAY_MS = 86_400_000;

/** Where the name of this machine isn't a good name for the probe, set `capture.probe`. */
const PROBE_DEFAULT = hostname() || CAPTURE_DEFAULTS.probe;

const capture = z
  .strictObject({
    interface: text(
      '',
      'Network interface to capture from with `bittern up` and `bittern capture`, several with commas between; "any" for all. Empty: no live capture.',
    ),
    filter: text('', 'Capture filter in pcap syntax, such as "tcp port 8080".'),
    tool: z
      .enum(['tcpdump', 'dumpcap'])
      .default('tcpdump')
      .describe('The capture program, run as a child: tcpdump or dumpcap.'),
    kernelBufferBytes: whole(MB, 2 * GB, 64 * MB, 'Buffer in the kernel for bursts, bytes.'),
    snapLengthBytes: whole(96, 262_144, 262_144, 'Bytes captured of each packet; what is cut off counts as missing.'),
    probe: text(PROBE_DEFAULT, 'Name of this probe, in every row.'),
    network: text(
      CAPTURE_DEFAULTS.network,
      'Label of the network that the addresses belong to; part of the identity of a connection, so that two networks may use the same addresses.',
    ),
    labels: z.record(z.string(), z.string()).default({}).describe('Free labels, stored with every call of this probe.'),
    sniff: flag(CAPTURE_DEFAULTS.sniff, 'Drop connections whose content is not HTTP (counted as not_http).'),
    sniffJoinedBytesMax: whole(
      0,
      GB,
      CAPTURE_DEFAULTS.sniffJoinedBytesMax,
      'A connection joined in the middle is dropped when so many bytes showed nothing like HTTP.',
    ),
    frameBytesMax: whole(
      1,
      FRAME_BYTES_LIMIT,
      CAPTURE_DEFAULTS.frameBytesMax,
      'Payload bytes at which a frame is passed on.',
    ),
    frameDelayMs: whole(
      0,
      60_000,
      CAPTURE_DEFAULTS.frameDelayMs,
      'Capture time after its first segment at which a frame is passed on.',
    ),
    gapGraceMs: whole(
      1,
      600_000,
      CAPTURE_DEFAULTS.gapGraceMs,
      'How long a hole that the peer has acknowledged is waited for before it counts as lost.',
    ),
    unackedGraceMs: whole(
      1,
      600_000,
      CAPTURE_DEFAULTS.unackedGraceMs,
      'The same for a hole without an acknowledgement.',
    ),
    reorderPackets: whole(
      0,
      1_000_000,
      CAPTURE_DEFAULTS.reorderPackets,
      'A hole is also waited for until so many packets have passed.',
    ),
    quietGraceMs: whole(
      1,
      3_600_000,
      CAPTURE_DEFAULTS.quietGraceMs,
      'Longest wait for a hole while hardly any packets come.',
    ),
    idleTimeoutMs: whole(
      1,
      7 * DAY_MS,
      CAPTURE_DEFAULTS.idleTimeoutMs,
      'A connection without packets for so long is closed as idle.',
    ),
    closedLingerMs: whole(
      1,
      3_600_000,
      CAPTURE_DEFAULTS.closedLingerMs,
      'How long late packets of a closed connection are told from those of a new one.',
    ),
    windowBytesMax: whole(
      65_536,
      GB,
      CAPTURE_DEFAULTS.windowBytesMax,
      'How far ahead of its stream a segment may lie.',
    ),
    connectionBufferBytesMax: whole(
      65_536,
      2 * GB,
      CAPTURE_DEFAULTS.connectionBufferBytesMax,
      'Out-of-order bytes held for one connection.',
    ),
    totalBufferBytesMax: whole(
      MB,
      64 * GB,
      CAPTURE_DEFAULTS.totalBufferBytesMax,
      'Out-of-order bytes and unfinished frames of all connections.',
    ),
    connectionsMax: whole(
      1,
      10_000_000,
      CAPTURE_DEFAULTS.connectionsMax,
      'Connections tracked at once; beyond it the least active one is closed and counted.',
    ),
    connectionsPerSecondMax: whole(
      1,
      10_000_000,
      CAPTURE_DEFAULTS.connectionsPerSecondMax,
      'New connections a second that speak, and twice as many at once; what begins beyond is dropped and counted as flood.',
    ),
    vxlanPorts: ports(CAPTURE_DEFAULTS.vxlanPorts, 'UDP ports that carry VXLAN; none: VXLAN is not looked into.'),
    genevePorts: ports(CAPTURE_DEFAULTS.genevePorts, 'UDP ports that carry Geneve; none: Geneve is not looked into.'),
    fragmentTimeoutMs: whole(
      1,
      600_000,
      CAPTURE_DEFAULTS.fragmentTimeoutMs,
      'How long the rest of a fragmented IP datagram is waited for.',
    ),
    fragmentBytesMax: whole(
      65_536,
      GB,
      CAPTURE_DEFAULTS.fragmentBytesMax,
      'Fragments held for datagrams that are not whole; beyond it the oldest datagram is given up.',
    ),
  })
  .prefault({})
  .describe('Capture: where packets come from, and how TCP is put in order.');

const http = z
  .strictObject({
    headBytesMax: whole(1024, 16 * MB, HTTP_DEFAULTS.headBytesMax, 'Longest head of a message.'),
    resyncHeadBytesMax: whole(
      1024,
      16 * MB,
      HTTP_DEFAULTS.resyncHeadBytesMax,
      'Longest head that is believed while a direction looks for a message to begin with.',
    ),
    headersMax: whole(8, 10_000, HTTP_DEFAULTS.headersMax, 'Most header fields that are read of one head.'),
    chunkLineBytesMax: whole(64, MB, HTTP_DEFAULTS.chunkLineBytesMax, 'Longest chunk-size line with its extensions.'),
    pipelineMax: whole(1, 100_000, HTTP_DEFAULTS.pipelineMax, 'Most exchanges open on one connection.'),
    interimMax: whole(0, 1000, HTTP_DEFAULTS.interimMax, 'Most interim (1xx) status codes kept of one exchange.'),
    connectionsMax: whole(1, 10_000_000, HTTP_DEFAULTS.connectionsMax, 'Most connections known at a time.'),
    memoryBytesMax: whole(
      MB,
      64 * GB,
      HTTP_DEFAULTS.memoryBytesMax,
      'Most memory for open exchanges, partial heads and decoders.',
    ),
    decodedBytesMax: whole(
      1024,
      4 * GB,
      HTTP_DEFAULTS.decodedBytesMax,
      'Most bytes that one compressed body may grow to.',
    ),
    decodedRatioMax: whole(2, 100_000, HTTP_DEFAULTS.decodedRatioMax, 'Most decoded bytes for each compressed byte.'),
    decodedFloorBytes: whole(
      0,
      GB,
      HTTP_DEFAULTS.decodedFloorBytes,
      'Decoded bytes up to which the ratio is not judged.',
    ),
  })
  .prefault({})
  .describe('HTTP: limits on what a hostile or damaged stream may cost.');

const llm = z
  .strictObject({
    exchanges: flag(true, 'Store one metadata row (no bodies) for every HTTP exchange that is not an LLM call.'),
    content: flag(
      true,
      'Store prompts, answers, tool arguments and tool definitions, where no rule of privacy.modes says otherwise. Off: facts only.',
    ),
    pricing: flag(true, 'Work out cost_usd from the bundled price list.'),
    estimateUsage: flag(
      false,
      'Count the tokens of calls whose server tells none (usage_source = estimated). Costs 60 MB and keeps request bodies until their answers end.',
    ),
    requestBytesMax: whole(
      1024,
      GB,
      LLM_DEFAULTS.requestBytesMax,
      'Bytes of one request body that are held; a longer one is cut and the call marked truncated.',
    ),
    responseBytesMax: whole(1024, GB, LLM_DEFAULTS.responseBytesMax, 'Bytes of one response body that are held.'),
    errorBytesMax: whole(256, 16 * MB, LLM_DEFAULTS.errorBytesMax, 'Bytes of an error answer that are held.'),
    eventBytesMax: whole(1024, 256 * MB, LLM_DEFAULTS.eventBytesMax, 'Longest event of a stream.'),
    previewCharsMax: whole(0, 10_000, LLM_DEFAULTS.previewCharsMax, 'Characters of prompt_preview and answer_preview.'),
    errorCharsMax: whole(0, 100_000, LLM_DEFAULTS.errorCharsMax, 'Characters of error_message.'),
    openBytesMax: whole(
      MB,
      64 * GB,
      LLM_DEFAULTS.openBytesMax,
      'Bytes of bodies that are held for all open exchanges together; above it large and old ones are dropped and their calls marked truncated.',
    ),
    hintBytesMax: whole(
      0,
      GB,
      LLM_DEFAULTS.hintBytesMax,
      'Memory that a Content-Length may reserve for one body before its bytes come.',
    ),
    partsMax: whole(
      1,
      10_000_000,
      LLM_DEFAULTS.partsMax,
      'Messages, system blocks and tools of one request that are stored one by one; a request with more is stored whole.',
    ),
    previewMessagesMax: whole(
      1,
      100_000,
      LLM_DEFAULTS.previewMessagesMax,
      'Messages looked at, from the last one back, for the last thing that the user said.',
    ),
    tokenGapsMax: whole(
      16,
      10_000_000,
      LLM_DEFAULTS.tokenGapsMax,
      'Gaps between content events kept for the median of one stream.',
    ),
    contentCacheEntries: whole(
      0,
      10_000_000,
      LLM_DEFAULTS.contentCacheEntries,
      'Contents remembered as stored, so that they are not sent again.',
    ),
    prefixCacheBytes: whole(
      0,
      4 * GB,
      LLM_DEFAULTS.prefixCacheBytes,
      'Memory for recent requests, whose unchanged beginning is not worked through again.',
    ),
    factCacheEntries: whole(
      0,
      10_000_000,
      LLM_DEFAULTS.factCacheEntries,
      'Previews and tool names remembered by content.',
    ),
  })
  .prefault({})
  .describe('Recognising LLM calls: what is stored, and limits.');

const identity = z
  .strictObject({
    fingerprintKeyFile: text(
      '',
      'File with the key of the credential fingerprints (any bytes, at least 16). Empty: fingerprint.key in the data folder, made at random on first use. Share one file among probes to compare their fingerprints.',
    ),
    headers: z
      .strictObject({
        agentId: headerNames(IDENTITY_DEFAULTS.agentId, 'Request headers that name the agent, the most trusted first.'),
        sessionId: headerNames(IDENTITY_DEFAULTS.sessionId, 'Request headers that name the session or conversation.'),
        userId: headerNames(IDENTITY_DEFAULTS.userId, 'Request headers that name the user.'),
        teamId: headerNames(IDENTITY_DEFAULTS.teamId, 'Request headers that name the team.'),
        requestId: headerNames(
          IDENTITY_DEFAULTS.requestId,
          'Headers (of the request, else of the response) that name the request.',
        ),
      })
      .prefault({}),
  })
  .prefault({})
  .describe('Attribution: which header tells which column.');

const clickhouse = z
  .strictObject({
    url: text('', 'A ClickHouse server instead of the embedded engine: http[s]://user:password@host:port/database.'),
    retentionDays: whole(
      0,
      36_500,
      STORE_DEFAULTS.retentionDays,
      'Rows are deleted so many days after they were stored; 0: never.',
    ),
    memoryBytesMax: whole(
      256 * MB,
      1024 * GB,
      STORE_DEFAULTS.memoryBytesMax,
      "Ceiling of the embedded engine's memory.",
    ),
    batchRowsMax: whole(1, 1_000_000, SINK_DEFAULTS.batchRowsMax, 'Rows of one insert.'),
    batchBytesMax: whole(1024, GB, SINK_DEFAULTS.batchBytesMax, 'Bytes of one insert.'),
    batchAgeMsMax: whole(
      1,
      600_000,
      SINK_DEFAULTS.batchAgeMsMax,
      'A batch is stored when its first row is so old; a quarter of it when nothing was stored for so long.',
    ),
    queueBytesMax: whole(
      1024,
      16 * GB,
      SINK_DEFAULTS.queueBytesMax,
      'Bytes that wait for ClickHouse before the source is held back.',
    ),
    knownContentsMax: whole(0, 10_000_000, SINK_DEFAULTS.knownContentsMax, 'Contents remembered as stored.'),
    retryDelayMs: whole(
      1,
      60_000,
      SINK_DEFAULTS.retryDelayMs,
      'First wait before a failed insert is tried again; doubled each time.',
    ),
    retryDelayMsMax: whole(
      1,
      3_600_000,
      SINK_DEFAULTS.retryDelayMsMax,
      'Longest wait before a failed insert is tried again. It is tried until it succeeds.',
    ),
  })
  .prefault({})
  .describe('ClickHouse: embedded, or a server.');

const api = z
  .strictObject({
    host: text(API_DEFAULTS.host, 'Address to listen on. Other than loopback only with `api.allowRemote`.'),
    port: whole(0, 65_535, API_DEFAULTS.port, 'Port to listen on; 0: a free one.'),
    allowRemote: flag(false, 'Allow an address other than loopback. The bearer token is wanted in any case.'),
    tokenFile: text(
      '',
      'File with the bearer token. Empty: api-token in the data folder, made at random on first use.',
    ),
    trafficByAgent: flag(
      false,
      'Give the metrics of the watched traffic (/metrics/traffic) the label agent: only where there are few agents.',
    ),
  })
  .prefault({})
  .describe('HTTP API.');

const bus = z
  .strictObject({
    queueBytesMax: whole(
      MB,
      16 * GB,
      MEMORY_BUS_DEFAULTS.queueBytesMax,
      'Bytes that wait between two stages before the first one is held back.',
    ),
    batchRecordsMax: whole(1, 100_000, MEMORY_BUS_DEFAULTS.batchRecordsMax, 'Records handed on at once.'),
  })
  .prefault({})
  .describe('The bus between the stages.');

const pipeline = z
  .strictObject({
    workers: whole(
      0,
      WORKERS_MAX,
      THREAD_DEFAULTS.workers,
      'Threads that rebuild HTTP and recognise calls, in commands that store what they capture. 0: all in the main thread, which is best on one core and on two.',
    ),
  })
  .prefault({})
  .describe('All stages in one process: `bittern up`, `capture`, `replay` and `demo`.');

const reassembler = z
  .strictObject({
    holdMsMax: whole(
      1000,
      7 * DAY_MS,
      REASSEMBLER_DEFAULTS.holdMsMax,
      'How long one exchange may keep the committed offset back, over Kafka; then it is stored as far as it was seen, and completed when it ends.',
    ),
    idleTimeoutMs: whole(
      1000,
      7 * DAY_MS,
      REASSEMBLER_DEFAULTS.idleTimeoutMs,
      'A connection without a frame for so long has ended, over Kafka. Keep it above `capture.idleTimeoutMs`.',
    ),
    probesOverlap: flag(
      MERGE_DEFAULTS.several,
      'Several probes may see the same connections, known from the first frame on. False: they are counted on as soon as a second probe publishes.',
    ),
    mergeWaitMs: whole(
      0,
      3_600_000,
      MERGE_DEFAULTS.waitMs,
      'Where several probes publish: how long one that missed bytes is waited with for another that has them.',
    ),
    mergeBytesMax: whole(
      MB,
      16 * GB,
      MERGE_DEFAULTS.heldBytesMax,
      'Memory for what waits on one connection meanwhile; above it nothing more is waited for.',
    ),
  })
  .prefault({})
  .describe('From frames to exchanges: several probes, long exchanges.');

const kafka = z
  .strictObject({
    brokers: z
      .array(z.string().regex(/^.+:\d+$/, 'must look like host:port'))
      .default([])
      .describe('host:port of some brokers. Needed by the commands that run one stage each; not used by the others.'),
    clientId: text(KAFKA_DEFAULTS.clientId, "How this process is named in the brokers' logs and quotas."),
    tls: flag(false, 'Connect with TLS.'),
    tlsCaFile: text(
      '',
      "PEM file of the authority that signed the brokers' certificates. Empty: the system's authorities.",
    ),
    tlsCertFile: text('', "PEM file of this client's certificate (mTLS)."),
    tlsKeyFile: text('', "PEM file of this client's key (mTLS)."),
    saslMechanism: z
      .enum(['', 'plain', 'scram-sha-256', 'scram-sha-512'])
      .default('')
      .describe('SASL mechanism; empty: none.'),
    saslUsername: text('', 'SASL user name.'),
    saslPasswordFile: text('', 'File with the SASL password.'),
    saslPasswordVariable: text('', 'Environment variable with the SASL password, when there is no file.'),
    sealKeys: z
      .record(z.string(), z.string())
      .default({})
      .describe(
        'Keys that seal payloads, so that the brokers hold no plain text: key id and file (32 bytes as hex or base64). Keep old ones as long as records sealed with them are to be read.',
      ),
    sealActive: text('', 'Id of the key that new records are sealed with. Empty: records are not sealed.'),
    encoding: z
      .enum(['single_object', 'confluent'])
      .default('single_object')
      .describe(
        'What stands before the Avro body of a record: single_object (C3 01 and the fingerprint of the schema) or confluent (0 and its id in the schema registry).',
      ),
    schemaRegistryUrl: z
      .string()
      .regex(/^$|^https?:\/\/[^@\s]+$/, 'must be an http or https URL without user and password')
      .default('')
      .describe(
        'Schema registry with the REST API of Confluent, such as https://registry:8081. With it both encodings are read. Empty: none.',
      ),
    schemaRegistryUsername: text('', 'User name for the schema registry (HTTP basic authentication). Empty: none.'),
    schemaRegistryPasswordFile: text('', 'File with its password.'),
    schemaRegistryPasswordVariable: text('', 'Environment variable with its password, when there is no file.'),
    schemaRegistryCaFile: text(
      '',
      "PEM file of the authority that signed the registry's certificate. Empty: the system's authorities.",
    ),
    compression: z
      .enum(['none', 'zstd', 'gzip'])
      .default(KAFKA_DEFAULTS.producer.compression)
      .describe('How producers compress.'),
    partitions: whole(
      1,
      10_000,
      TOPIC_DEFAULTS.partitions,
      'Partitions of the topics that `bittern topics --create` makes: the most consumers that can share the work.',
    ),
    replicas: whole(
      1,
      100,
      TOPIC_DEFAULTS.replicas,
      'Replicas of these topics. With three and more a record counts as published when two brokers have it (min.insync.replicas).',
    ),
    retentionMs: whole(
      60_000,
      365 * DAY_MS,
      TOPIC_DEFAULTS.retentionMs,
      'How long a record stays in these topics, and so how long consumers may be down.',
    ),
    sessionTimeoutMs: whole(
      1000,
      600_000,
      KAFKA_DEFAULTS.consumer.sessionTimeoutMs,
      'A consumer that is not heard of for so long is taken for dead.',
    ),
    drainMs: whole(
      100,
      600_000,
      KAFKA_DEFAULTS.consumer.drainMs,
      'How long a consumer may finish its work before its partitions go to another.',
    ),
    queueBytesMax: whole(
      MB,
      16 * GB,
      KAFKA_DEFAULTS.consumer.queueBytesMax,
      'Bytes fetched and not yet handled; above it fetching pauses.',
    ),
  })
  .prefault({})
  .describe(
    'Kafka between the stages, for one process a stage (`bittern capture --kafka`, `bittern reassembler`, `bittern sink`).',
  );

const tracker = z
  .strictObject({
    enabled: flag(true, 'Make sessions, turns, tool calls and findings of the calls that this process stores.'),
    pollMs: whole(50, 60_000, TRACKER_DEFAULTS.pollMs, 'How often it looks for calls that were stored.'),
    batchCallsMax: whole(1, 20_000, TRACKER_DEFAULTS.batchCallsMax, 'Calls that are taken at a time.'),
    storyBytesMax: whole(
      MB,
      100 * GB,
      TRACKER_DEFAULTS.storyBytesMax,
      'Memory for sessions that may go on; what has no place in it is read again when it goes on.',
    ),
  })
  .prefault({})
  .describe('The tracker: from stored calls to sessions, turns, tool calls and findings.');

const level = (description: string) => z.int().min(0).max(1_000_000_000).optional().describe(description);
const names = (description: string) => z.array(z.string().min(1)).default([]).describe(description);
const DETECTORS = Object.keys(DETECTOR_DEFAULTS.thresholds) as [DetectorKind, ...DetectorKind[]];
const thresholds = Object.fromEntries(
  Object.entries(DETECTOR_DEFAULTS.thresholds).map(([kind, { note, alert, critical }]) => [
    kind,
    z
      .strictObject({
        note: whole(0, 1_000_000_000, note, 'Occurrences from which on it is noted; 0: never.'),
        alert: whole(0, 1_000_000_000, alert, 'Occurrences from which on it is an alert; 0: never.'),
        critical: whole(0, 1_000_000_000, critical, 'Occurrences from which on it is critical; 0: never.'),
      })
      .prefault({})
      .describe(DETECTOR_UNITS[kind as DetectorKind]),
  ]),
) as unknown as Readonly<Record<DetectorKind, z.ZodType<Thresholds>>>;

const detectors = z
  .strictObject({
    ...thresholds,
    quietMs: whole(
      1000,
      DAY_MS,
      DETECTOR_DEFAULTS.quietMs,
      'A finding without a further occurrence for so long is resolved.',
    ),
    overrides: z
      .array(
        z.strictObject({
          kinds: z.array(z.enum(DETECTORS)).default([]).describe('Detectors that it is for; empty: all.'),
          agents: names('Agents (agent_id) that it is for; empty: all.'),
          teams: names('Teams (team_id) that it is for; empty: all.'),
          tools: names('Tools that it is for; empty: all.'),
          note: level("Instead of the detector's own."),
          alert: level("Instead of the detector's own."),
          critical: level("Instead of the detector's own."),
        }),
      )
      .default([])
      .describe('Other thresholds for some agents, teams or tools; the first that matches counts.'),
  })
  .prefault({} as never)
  .describe('Detectors of loops and the like, with the occurrences from which on a finding has which level.');
const otlp = z
  .strictObject({
    endpoint: z
      .string()
      .regex(/^$|^https?:\/\/[^@\s?#]+$/, 'must be an http or https URL without user, password and query')
      .default(OTLP_DEFAULTS.endpoint)
      .describe(
        'Receiver of OTLP over HTTP, such as http://collector:4318; /v1/traces, /v1/metrics and /v1/logs are put behind it. `bittern up` sends there what is stored. Empty: nothing is sent.',
      ),
    encoding: z
      .enum(ENCODINGS)
      .default(OTLP_DEFAULTS.encoding)
      .describe('How requests are written: protobuf, which every receiver of OTLP over HTTP takes, or json.'),
    name: text(
      OTLP_DEFAULTS.name,
      'Name under which ClickHouse keeps how far this exporter has come; another for another receiver.',
    ),
    traces: flag(OTLP_DEFAULTS.traces, 'Send turns, calls and tool calls as spans.'),
    metrics: flag(OTLP_DEFAULTS.metrics, 'Send histograms of tokens, durations and times to first token.'),
    logs: flag(OTLP_DEFAULTS.logs, 'Send findings as log events.'),
    content: flag(
      OTLP_DEFAULTS.content,
      'Send text of the traffic as well: beginnings of prompts and answers, arguments and results of tools.',
    ),
    backfill: flag(
      OTLP_DEFAULTS.backfill,
      'The first time, begin with all that is stored instead of what is stored from then on.',
    ),
    headersFile: text('', 'File with headers for the receiver, one `name: value` a line; credentials belong there.'),
    headersVariable: text(
      '',
      'Environment variable with these headers, `name=value` separated by commas, when there is no file; such as OTEL_EXPORTER_OTLP_HEADERS.',
    ),
    tlsCaFile: text(
      '',
      "PEM file of the authority that signed the receiver's certificate. Empty: the system's authorities.",
    ),
    pollMs: whole(50, 600_000, OTLP_DEFAULTS.pollMs, 'How often it looks for what was stored.'),
    settleMs: whole(
      0,
      600_000,
      OTLP_DEFAULTS.settleMs,
      'A row is sent so long after it was stored: the tracker may yet move a call to another turn.',
    ),
    quietMs: whole(
      0,
      DAY_MS,
      OTLP_DEFAULTS.quietMs,
      'A turn that waits for tools, and a tool call without a result, is sent when it has been quiet for so long. When it goes on, it is sent again under the same id.',
    ),
    batchMax: whole(1, 1000, OTLP_DEFAULTS.batchMax, 'Spans or log events of one request.'),
    metricsMs: whole(1000, 3_600_000, OTLP_DEFAULTS.metricsMs, 'Histograms are sent for windows of this length.'),
    temporality: z
      .enum(['cumulative', 'delta'])
      .default(OTLP_DEFAULTS.temporality)
      .describe('Of histograms: cumulative (since the start, for Prometheus) or delta (of each window).'),
    timeoutMs: whole(100, 600_000, OTLP_DEFAULTS.timeoutMs, 'Longest wait for the answer to a request.'),
    retryDelayMs: whole(
      1,
      600_000,
      OTLP_DEFAULTS.retryDelayMs,
      'First wait before a request is sent again; doubled each time. Retry-After of the receiver counts more.',
    ),
    retryDelayMsMax: whole(
      1,
      3_600_000,
      OTLP_DEFAULTS.retryDelayMsMax,
      'Longest such wait. It is sent until it succeeds.',
    ),
    refusedDelayMs: whole(
      1000,
      3_600_000,
      OTLP_DEFAULTS.refusedDelayMs,
      'A receiver that refuses whatever is sent (401, 404, 415 and the like) is told in the log, and tried again so often. The data waits meanwhile.',
    ),
  })
  .prefault({})
  .describe('OpenTelemetry: spans, metrics and findings over OTLP (docs/opentelemetry.md).');

const observe = z
  .strictObject({
    listen: text(
      '',
      'Address for /livez, /readyz and /metrics of a process that runs for long, such as 127.0.0.1:9464; port 0: a free one, told on standard error. They ask for no token. Empty: none.',
    ),
    allowRemote: flag(false, 'Allow an address other than loopback.'),
    stallMs: whole(
      1000,
      3_600_000,
      OBSERVER_DEFAULTS.stallMs,
      'When work waits and none gets done for so long, /readyz says that the process is not ready.',
    ),
    log: z
      .enum(LOG_FORMATS)
      .default('auto')
      .describe(
        'What is said on standard error: text for people, json (one line an event) for programs; auto: json when a process that runs for long is not on a terminal.',
      ),
  })
  .prefault({})
  .describe('Health, metrics and logs of one process.');

export const configSchema = z.strictObject({
  dataDir: z.string().min(1).default('data').describe('Folder of the embedded ClickHouse, keys and logs.'),
  capture,
  http,
  llm,
  privacy: privacySection,
  identity,
  clickhouse,
  api,
  bus,
  pipeline,
  reassembler,
  kafka,
  tracker,
  detectors,
  otlp,
  observe,
  alerts: alertsSection,
  rules: rulesSection,
});

export type Config = z.infer<typeof configSchema>;
