/** All commands, in the order in which the help lists them. A new command is a file here and a line below. */
import type { Command } from '../command.ts';
import { call } from './call.ts';
import { calls } from './calls.ts';
import { capture } from './capture.ts';
import { config } from './config.ts';
import { demo } from './demo.ts';
import { dlq } from './dlq.ts';
import { doctor } from './doctor.ts';
import { frames } from './frames.ts';
import { lag } from './lag.ts';
import { reassembler } from './reassembler.ts';
import { replay } from './replay.ts';
import { sink } from './sink.ts';
import { sql } from './sql.ts';
import { topics } from './topics.ts';
import { up } from './up.ts';

export const COMMANDS: readonly Command[] = [
  demo,
  replay,
  capture,
  up,
  calls,
  call,
  sql,
  doctor,
  config,
  frames,
  reassembler,
  sink,
  topics,
  lag,
  dlq,
];
