/**
 * What parameters of requests are made of. They are texts in a URL: each part here says how its text is checked and what it becomes,
 * and by `described` how the OpenAPI document shows it.
 */
import { z } from 'zod';
import { API_DEFAULTS } from './defaults.ts';
import { ApiFailure } from './failure.ts';

/** JSON schemas of the document in place of those that zod would make. */
export const DESCRIBED = z.registry<{ readonly schema: Readonly<Record<string, unknown>> }>();

function described<T extends z.ZodType>(type: T, schema: Readonly<Record<string, unknown>>): T {
  DESCRIBED.add(type, { schema });
  return type;
}

const whole = (least: number, most: number) =>
  described(
    z
      .string('must be given once')
      .regex(/^\d{1,16}$/, 'must be a whole number')
      .transform(Number)
      .refine((value) => value >= least && value <= most, `must be from ${least} to ${most}`),
    { type: 'integer', minimum: least, maximum: most },
  );

const flag = () =>
  described(
    z.enum(['true', 'false'], 'must be true or false').transform((value) => value === 'true'),
    { type: 'boolean' },
  );

const micros = () =>
  described(
    z
      .string('must be given once')
      .regex(/^\d{1,16}$/, 'must be a time in microseconds since 1970')
      .transform(Number)
      .refine(Number.isSafeInteger, 'must be a time in microseconds since 1970'),
    { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Microseconds since 1970.' },
  );

const filterText = () =>
  described(z.string('must be given once').max(API_DEFAULTS.filterCharsMax, 'is too long'), {
    type: 'string',
    maxLength: API_DEFAULTS.filterCharsMax,
  });

export interface TextPlace {
  readonly time: number;
  readonly ids: readonly (string | number)[];
}

/**
 * The `next` of a page: its last row's time and ids. `pattern` has a group for each id; `read` makes an id of the group's text.
 */
function cursorOf(pattern: RegExp, read: (text: string, at: number) => string | number = (text) => text) {
  return described(
    z
      .string('must be given once')
      .regex(pattern, 'must be the `next` of a page')
      .transform((text): TextPlace => {
        const [, time, ...ids] = pattern.exec(text) ?? [];
        return { time: Number(time), ids: ids.map(read) };
      })
      .refine(({ time }) => Number.isSafeInteger(time), 'must be the `next` of a page'),
    { type: 'string', pattern: pattern.source, description: 'The `next` of the page before.' },
  );
}

/** Cursors of rows whose id has 32 hex digits. */
export const hexCursor = () => cursorOf(/^(\d{1,16})-([0-9a-f]{32})$/);
/** Cursors of rows with any text as their id: the text as base64url. */
export const textCursor = () =>
  cursorOf(/^(\d{1,16})-([A-Za-z0-9_-]{0,2000})$/, (text) => Buffer.from(text, 'base64url').toString());
/** Cursors of rows with a call and a place in it. */
export const positionCursor = () =>
  cursorOf(/^(\d{1,16})-([0-9a-f]{32})-(\d{1,9})$/, (text, at) => (at === 0 ? text : Number(text)));

const pageRows = () => whole(1, API_DEFAULTS.pageRowsMax).default(API_DEFAULTS.pageRows);

type Texts<Name extends string> = Readonly<Record<Name, z.ZodOptional<z.ZodString>>>;

/** A filter by each of these texts. */
export function textFilters<const Name extends string>(names: readonly Name[]): Texts<Name> {
  return Object.fromEntries(names.map((name) => [name, filterText().optional()])) as Texts<Name>;
}

export const PARAM = { whole, flag, micros, text: filterText, pageRows } as const;

/** A path's `:id` of 32 hex digits. */
export const hexIdParams = () => z.strictObject({ id: z.string().regex(/^[0-9a-f]{32}$/, 'must have 32 hex digits') });

/** `value`: query, path parameters or body of a request. @throws ApiFailure bad_request, naming the parameter */
export function parse<T extends z.ZodObject>(schema: T, value: unknown): z.infer<T> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ApiFailure('bad_request', `A JSON object is wanted, with: ${Object.keys(schema.shape).join(', ')}.`);
  // Fastify's object has no prototype, and zod takes plain ones only.
  const parsed = schema.safeParse({ ...(value as Record<string, unknown>) });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const known = Object.keys(schema.shape);
  // Names and values of the caller's are not repeated: they may be anything.
  if (issue === undefined || issue.code === 'unrecognized_keys')
    throw new ApiFailure(
      'bad_request',
      known.length === 0 ? 'This route takes no parameters.' : `Known parameters are: ${known.join(', ')}.`,
    );
  throw new ApiFailure('bad_request', `${issue.path.join('.')} ${issue.message}.`.trimStart());
}
