/** Headers for the receiver, credentials among them: from a file or an environment variable, never from the configuration itself. */
import { readFile } from 'node:fs/promises';
import { BitternError } from '../common/errors.ts';

const HEADERS_MAX = 50;
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** What HTTP lets a value hold (RFC 9110, section 5.5), in ASCII. */
const VALUE = /^[\x20-\x7e\t]*$/;

/** Lines `name: value`; empty ones and those that begin with `#` don't count. */
export function headersOfFile(text: string): Map<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return checked(lines.map((line) => cut(line, ':')));
}

/** `name=value,…` with percent-encoded values, as OTEL_EXPORTER_OTLP_HEADERS has it. */
export function headersOfVariable(text: string): Map<string, string> {
  const pairs = text.split(',').filter((pair) => pair.trim() !== '');
  return checked(pairs.map((pair) => cut(decoded(pair), '=')));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function cut(text: string, by: string): readonly [string, string] {
  const at = text.indexOf(by);
  return at < 0 ? ['', ''] : [text.slice(0, at).trim().toLowerCase(), text.slice(at + 1).trim()];
}

/** Errors tell the number of an entry, never what it holds. */
function checked(pairs: readonly (readonly [string, string])[]): Map<string, string> {
  const bad = pairs.findIndex(([name, value]) => !NAME.test(name) || !VALUE.test(value));
  if (bad >= 0) {
    throw new BitternError('BIT_OTLP_HEADERS', `Entry ${bad + 1} of the OTLP headers is not a name and a value.`);
  }
  if (pairs.length > HEADERS_MAX) {
    throw new BitternError('BIT_OTLP_HEADERS', `There are more than ${HEADERS_MAX} OTLP headers.`);
  }
  return new Map(pairs);
}

/** @throws BitternError BIT_OTLP_HEADERS when they can't be read */
export async function readHeaders(
  file: string,
  variable: string,
  env: NodeJS.ProcessEnv,
): Promise<Map<string, string>> {
  if (file !== '') {
    const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
      throw new BitternError('BIT_OTLP_HEADERS', `Can't read the file of otlp.headersFile: ${cause.code ?? ''}.`, {
        cause,
      });
    });
    return headersOfFile(text);
  }
  if (variable === '') return new Map();
  const text = env[variable];
  if (text === undefined) {
    throw new BitternError('BIT_OTLP_HEADERS', `otlp.headersVariable names '${variable}', which is not set.`);
  }
  return headersOfVariable(text);
}
