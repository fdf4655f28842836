/** Bittern on a live capture of loopback, with a webhook for alerts: in one process, and over Kafka with a process a stage. Needs root. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { HookServer } from '../../services/alerts/testing.ts';
import { StageProcess } from '../faults/processes.ts';
import { System } from '../faults/system.ts';
import { until } from '../load/deployment.ts';

export interface Deployed {
  close(): Promise<void>;
}

async function configFile(folder: string, hooks: HookServer): Promise<string> {
  const file = path.join(folder, 'alerts.yaml');
  await writeFile(file, `alerts:\n  receivers:\n    - {name: hook, type: webhook, url: '${hooks.url}'}\n`);
  return file;
}

const onLoopback = (port: number): string[] => ['-i', 'lo', '--filter', `tcp port ${port}`];

function shows(stage: StageProcess, text: string): Promise<void> {
  return until(`${stage.name} says: ${text}`, async () => {
    if (!stage.running) throw new Error(`${stage.name} ended; see ${stage.logFile}`);
    return (await readFile(stage.logFile, 'utf8').catch(() => '')).includes(text);
  });
}

/** `bittern up`. `port`: of the model. */
export async function oneProcess(folder: string, hooks: HookServer, port: number): Promise<Deployed> {
  const env = { PATH: process.env.PATH, HOME: folder, BITTERN_OBSERVE_LISTEN: '127.0.0.1:0' };
  const shared = ['--port', '0', '--data', path.join(folder, 'data'), '--config', await configFile(folder, hooks)];
  const up = new StageProcess('up-1', ['up', ...onLoopback(port), ...shared], { folder, env });
  up.start();
  await shows(up, 'Capturing on');
  return { close: async () => void (await up.stop()) };
}

/** Probe, reassembler, sink, tracker and alerts as processes; a real broker and ClickHouse. */
export async function overKafka(hooks: HookServer, port: number): Promise<Deployed> {
  const system = await System.open({ partitions: 3, sessionTimeoutMs: 10_000 });
  try {
    const config = await configFile(system.folder, hooks);
    const stages = [
      system.stage('reassembler-1', ['reassembler']),
      system.stage('sink-1', ['sink', 'clickhouse']),
      system.stage('tracker-1', ['tracker']),
      system.stage('alerts-1', ['alerts', '--config', config]),
      system.stage('capture-1', ['capture', '--kafka', ...onLoopback(port)]),
    ];
    for (const stage of stages) stage.start();
    await shows(stages.at(-1)!, 'Capturing on');
  } catch (error) {
    await system.close(true);
    throw error;
  }
  return { close: () => system.close() };
}
