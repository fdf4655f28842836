/** Kinds of settings, each with its default and its description. */

import { z } from 'zod';
import { TUNNEL_PORTS_MAX } from '../../mirror/decode/decode-options.ts';

export const whole = (least: number, most: number, value: number, description: string) =>
  z.int().min(least).max(most).default(value).describe(description);

export const flag = (value: boolean, description: string) => z.boolean().default(value).describe(description);

export const text = (value: string, description: string) => z.string().default(value).describe(description);

export const ports = (value: readonly number[], description: string) =>
  z
    .array(z.int().min(1).max(65_535))
    .max(TUNNEL_PORTS_MAX)
    .default([...value])
    .describe(description);

export const headerNames = (value: readonly string[], description: string) =>
  z
    .array(z.string().regex(/^[a-z0-9!#$%&'*+.^_`|~-]+$/, 'must be a header name in lower case'))
    .default([...value])
    .describe(description);

export const level = (description: string) => z.int().min(0).max(1_000_000_000).optional().describe(description);

export const names = (description: string) => z.array(z.string().min(1)).default([]).describe(description);

export const MB = 1024 * 1024;

export const GB = 1024 * MB;

export const DAY_MS = 86_400_000;
