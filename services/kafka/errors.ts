/** The clients' errors, which differ in shape and depth, as Bittern's: a stable code and a sentence that says what to do. */
import { BitternError } from '../common/errors.ts';

/** Causes and aggregates that are looked into. */
const DEPTH_MAX = 8;

interface ErrorLike {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly type?: unknown;
  readonly apiId?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

interface Rule {
  readonly marks: readonly string[];
  readonly code: `BIT_${string}`;
  readonly advice: string;
}

/** kafkajs keeps OpenSSL's message, but not its code. */
const TLS_MESSAGE = /SSL routines|certificate|wrong version number/i;
const TLS_MARK = 'tls';

/** The first rule whose mark is a name, code, type or API id of the error or of anything below it. */
const RULES: readonly Rule[] = [
  {
    marks: [
      'KafkaJSSASLAuthenticationError',
      'PLT_KFK_AUTHENTICATION',
      'SASL_AUTHENTICATION_FAILED',
      'UNSUPPORTED_SASL_MECHANISM',
    ],
    code: 'BIT_KAFKA_AUTH',
    advice: 'The broker refused the user name, password or SASL mechanism: check them against the broker.',
  },
  {
    marks: [TLS_MARK],
    code: 'BIT_KAFKA_TLS',
    advice:
      'TLS with the broker failed: check the authority file, the client certificate, and that the port is the TLS one.',
  },
  {
    marks: ['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID'],
    code: 'BIT_KAFKA_TOPIC_MISSING',
    advice: 'A topic does not exist: create the topics first.',
  },
  {
    marks: ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'],
    code: 'BIT_KAFKA_RECORD_TOO_LARGE',
    advice: "A record is over the topic's max.message.bytes: raise that limit or lower the probe's frame size.",
  },
  {
    marks: ['TOPIC_AUTHORIZATION_FAILED', 'GROUP_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED'],
    code: 'BIT_KAFKA_DENIED',
    advice: 'The broker does not allow this user to do that: check its access rules.',
  },
  {
    marks: [
      ...[
        'KafkaJSConnectionError',
        'KafkaJSConnectionClosedError',
        'KafkaJSRequestTimeoutError',
        'KafkaJSNoBrokerAvailableError',
      ],
      ...[
        'PLT_KFK_NETWORK',
        'PLT_KFK_TIMEOUT',
        'ECONNREFUSED',
        'ETIMEDOUT',
        'ENOTFOUND',
        'ECONNRESET',
        'KafkaJSBrokerNotFound',
      ],
    ],
    code: 'BIT_KAFKA_UNREACHABLE',
    advice: 'No broker answers: check the addresses, the network and that the brokers run.',
  },
];

/** @param what what was being done, for the sentence: `Publishing to 'x'`. A BitternError comes back as it is. */
export function kafkaError(what: string, cause: unknown): BitternError {
  if (cause instanceof BitternError) return cause;
  const marks = marksOf(cause, new Set(), DEPTH_MAX);
  const rule = RULES.find((each) => each.marks.some((mark) => marks.has(mark)));
  if (rule !== undefined) return new BitternError(rule.code, `${what} failed. ${rule.advice}`, { cause });
  const told = cause instanceof Error ? cause.message : String(cause);
  return new BitternError('BIT_KAFKA_FAILED', `${what} failed: ${told}`, { cause });
}

/** The names, codes and types of an error and of everything below it. */
export function marksOf(error: unknown, found: Set<string> = new Set(), depth = DEPTH_MAX): ReadonlySet<string> {
  if (typeof error !== 'object' || error === null || depth === 0) return found;
  const { name, message, code, type, apiId, cause, errors } = error as ErrorLike;
  if (typeof message === 'string' && TLS_MESSAGE.test(message)) found.add(TLS_MARK);
  for (const mark of [name, code, type, apiId]) if (typeof mark === 'string') found.add(mark);
  marksOf(cause, found, depth - 1);
  if (Array.isArray(errors)) for (const each of errors) marksOf(each, found, depth - 1);
  return found;
}
