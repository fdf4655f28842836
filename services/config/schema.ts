/**
 * The configuration, typed and documented. Each default stands in the module that it belongs to and is only taken up here;
 * the descriptions are the documentation (`bittern config --example`, docs/configuration.md).
 */

import { z } from 'zod';
import { privacySection } from '../privacy/settings.ts';
import { rulesSection } from '../rules/settings.ts';
import { alertsSection } from './sections/alerts.ts';
import { api } from './sections/api.ts';
import { capture } from './sections/capture.ts';
import { clickhouse } from './sections/clickhouse.ts';
import { http } from './sections/http.ts';
import { identity } from './sections/identity.ts';
import { kafka } from './sections/kafka.ts';
import { llm } from './sections/llm.ts';
import { observe } from './sections/observe.ts';
import { otlp } from './sections/otlp.ts';
import { bus, pipeline, reassembler } from './sections/processes.ts';
import { detectors, tracker } from './sections/tracker.ts';

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
