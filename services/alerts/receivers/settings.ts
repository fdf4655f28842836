/** Settings that several kinds of receivers share. */
import { z } from 'zod';
import { ALERT_DEFAULTS } from '../defaults.ts';

export const receiverName = z
  .string()
  .regex(/^[A-Za-z0-9][\w.-]{0,63}$/, 'must be a name of letters, digits, ., _ and -')
  .describe('Name, as routes use it.');

export const httpUrl = z
  .string()
  .refine((text) => text === '' || /^https?:$/.test(URL.parse(text)?.protocol ?? ''), 'must be an http or https URL');

/** Node's fetch refuses control characters; the rest of RFC 9110 is the operator's. */
export const headerMap = z
  .record(
    z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'must be a header name'),
    z.string().regex(/^[\t\x20-\x7e]*$/),
  )
  .default({})
  .describe('Further request headers.');

export const timeoutMs = z
  .int()
  .min(100)
  .max(300_000)
  .default(ALERT_DEFAULTS.timeoutMs)
  .describe('An attempt that takes longer has failed.');

export const updates = (value: boolean) =>
  z.boolean().default(value).describe('Whether it is told each time that something happened again.');
