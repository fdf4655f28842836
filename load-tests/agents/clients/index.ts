/** All clients. A new one is a file beside these and a line here. */
import type { AgentClient } from '../client.ts';
import { claudeCode } from './claude-code.ts';

export const CLIENTS: readonly AgentClient[] = [claudeCode];
