/** What commands share: the store, the keys and the stages as the configuration wants them. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CAPTURE_DEFAULTS, type CaptureOptions } from '../../mirror/options.ts';
import { MEMORY_BUS_DEFAULTS } from '../bus/memory-bus.ts';
import { ClickHouseSink } from '../clickhouse/sink.ts';
import { openStore, type Store } from '../clickhouse/store.ts';
import { BitternError } from '../common/errors.ts';
import type { Config } from '../config/schema.ts';
import { CONTENT_TYPES } from '../otlp/encoding.ts';
import { OtlpExporter } from '../otlp/exporter.ts';
import { readHeaders } from '../otlp/headers.ts';
import { postTo } from '../otlp/post.ts';
import { Pipeline, type PipelineSink } from '../pipeline/pipeline.ts';
import type { PrivacyPlan } from '../privacy/settings.ts';
import { withPrivacy } from '../reassembler/privacy.ts';
import type { ReassemblerOptions } from '../reassembler/reassembler.ts';
import type { DetectorSettings } from '../tracker/detectors/settings.ts';
import { Tracker } from '../tracker/tracker.ts';
import { VERSION } from './version.ts';

const FINGERPRINT_KEY = 'fingerprint.key';
const KEY_BYTES = 32;
const KEY_BYTES_MIN = 16;

export function openConfiguredStore(config: Config, options: { readonly migrate?: boolean } = {}): Promise<Store> {
  return openStore({
    dataDir: config.dataDir,
    url: config.clickhouse.url,
    retentionDays: config.clickhouse.retentionDays,
    memoryBytesMax: config.clickhouse.memoryBytesMax,
    migrate: options.migrate,
  });
}

/**
 * Reads a secret from `file`, or from `name` in the data folder, where it is made at random on first use, mode 0600.
 * @throws BitternError BIT_KEY_FILE when a named file is missing or too short
 */
export async function secretFrom(config: Config, file: string, name: string): Promise<Buffer> {
  const named = file !== '';
  const target = named ? file : path.join(config.dataDir, name);
  if (!named) {
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
    const secret = `${randomBytes(KEY_BYTES).toString('hex')}\n`;
    await writeFile(target, secret, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  const bytes = await readFile(target).catch((cause: unknown) => {
    throw new BitternError('BIT_KEY_FILE', `Can't read the key file '${target}': ${(cause as Error).message}.`, {
      cause,
    });
  });
  const secret = Buffer.from(bytes.toString('latin1').trim(), 'latin1');
  if (secret.length < KEY_BYTES_MIN) {
    throw new BitternError(
      'BIT_KEY_FILE',
      `The key file '${target}' holds fewer than ${KEY_BYTES_MIN} bytes; make one with 'openssl rand -hex 32'.`,
    );
  }
  return secret;
}

/** Where the key for fingerprints lies. */
export function fingerprintKeyFile(config: Config): string {
  return config.identity.fingerprintKeyFile || path.join(config.dataDir, FINGERPRINT_KEY);
}

/** The key for fingerprints. @throws BitternError BIT_KEY_FILE */
export function fingerprintKey(config: Config): Promise<Buffer> {
  return secretFrom(config, config.identity.fingerprintKeyFile, FINGERPRINT_KEY);
}

/** True when others than the owner may read the file. */
export async function readableByOthers(file: string): Promise<boolean> {
  return ((await stat(file)).mode & 0o077) !== 0;
}

export function captureOptions(config: Config): CaptureOptions {
  const options: Record<string, unknown> = {};
  for (const name of Object.keys(CAPTURE_DEFAULTS) as (keyof CaptureOptions)[]) options[name] = config.capture[name];
  return options as unknown as CaptureOptions;
}

/** `stored`: a batch can be queried now. */
export function createSink(config: Config, store: Store, stored?: () => void): ClickHouseSink {
  return new ClickHouseSink(store, config.clickhouse, stored);
}

/** Null when the configuration wants none. `onFindings`: some were written. */
export function createTracker(config: Config, store: Store, onFindings: () => void = () => {}): Tracker | null {
  const { enabled, ...options } = config.tracker;
  if (!enabled) return null;
  return new Tracker(store.client, { ...options, detectors: detectorSettings(config) }, async ({ findings }) => {
    if (findings.length > 0) onFindings();
  });
}

export interface RunningExporter {
  readonly exporter: OtlpExporter;
  close(): Promise<void>;
}

/**
 * Null when no receiver is configured. Not started. `tell`: lines for the log, few.
 * @throws BitternError BIT_OTLP_…
 */
export async function createExporter(
  config: Config,
  store: Store,
  tell: (line: string) => void,
): Promise<RunningExporter | null> {
  const { headersFile, headersVariable, tlsCaFile, ...options } = config.otlp;
  if (options.endpoint === '') return null;
  const headers = await readHeaders(headersFile, headersVariable, process.env);
  const ca = tlsCaFile === '' ? null : await readAuthority(tlsCaFile);
  const { endpoint, encoding, timeoutMs } = options;
  const contentType = CONTENT_TYPES[encoding];
  const receiver = postTo({ endpoint, headers, contentType, ca, timeoutMs, userAgent: `bittern/${VERSION}` });
  const exporter = new OtlpExporter(store.client, receiver.post, options, tell);
  return {
    exporter,
    close: async () => {
      await exporter.close();
      receiver.close();
    },
  };
}

function readAuthority(file: string): Promise<Buffer> {
  return readFile(file).catch((cause: NodeJS.ErrnoException) => {
    throw new BitternError('BIT_OTLP_CA', `Can't read the file of otlp.tlsCaFile: ${cause.code ?? ''}.`, { cause });
  });
}

export function detectorSettings({ detectors }: Config): DetectorSettings {
  const { quietMs, overrides, ...thresholds } = detectors;
  return { thresholds, overrides, quietMs } as DetectorSettings;
}

function privacyPlan({ privacy, llm }: Config): PrivacyPlan {
  return { settings: privacy, content: llm.content };
}

/** `key`: that of the fingerprints. @throws BitternError BIT_REDACTION_PATTERN */
export function reassemblerOptions(config: Config, key: Buffer): ReassemblerOptions {
  return withPrivacy(plainReassemblerOptions(config), privacyPlan(config), key);
}

/** Texts as they are: what is kept of them is another matter. */
function plainReassemblerOptions(config: Config): ReassemblerOptions {
  const { exchanges, content, pricing, estimateUsage, ...limits } = config.llm;
  const { probesOverlap, mergeWaitMs, mergeBytesMax } = config.reassembler;
  return {
    http: config.http,
    llm: {
      ...{ identity: config.identity.headers, exchanges, content, pricing, estimateUsage, limits },
    },
    merge: { several: probesOverlap, waitMs: mergeWaitMs, heldBytesMax: mergeBytesMax },
  };
}

/** All stages of one process; `sink` is where it ends. */
export async function startPipeline(
  config: Config,
  sink: PipelineSink,
  note: (line: string) => void,
): Promise<Pipeline> {
  const bus = { ...MEMORY_BUS_DEFAULTS, ...config.bus };
  const { workers } = config.pipeline;
  return Pipeline.start(
    { bus, reassembler: plainReassemblerOptions(config), privacy: privacyPlan(config), workers },
    await fingerprintKey(config),
    sink,
    note,
  );
}
