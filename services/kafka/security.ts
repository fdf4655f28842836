/**
 * How to sign in to the brokers: TLS with a private authority, a client certificate (mTLS), SASL PLAIN or SCRAM. One options
 * object serves both clients. Passwords and keys come from files or the environment, never from the options themselves.
 */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { BaseOptions } from '@platformatic/kafka';
import type { KafkaConfig, SASLOptions } from 'kafkajs';
import { BitternError } from '../common/errors.ts';
import { Secret } from './secret.ts';

export type SaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512';

/** Where a password stands: a file (its last newline is not part of it), or an environment variable. */
export type SecretSource = { readonly file: string } | { readonly env: string };

export interface KafkaTlsOptions {
  /** PEM file of the authority that signed the brokers' certificates. `null`: the system's authorities. */
  readonly caFile: string | null;
  /** PEM files of this client's certificate and key (mTLS). `null`: none is shown. */
  readonly certFile: string | null;
  readonly keyFile: string | null;
}

export interface KafkaSaslOptions {
  readonly mechanism: SaslMechanism;
  readonly username: string;
  readonly password: SecretSource;
}

export interface KafkaSecurityOptions {
  readonly tls: KafkaTlsOptions | null;
  readonly sasl: KafkaSaslOptions | null;
}

/** What the files and variables held, ready for the clients. */
export interface KafkaCredentials {
  readonly tls: { readonly ca: string | null; readonly cert: string | null; readonly key: Secret | null } | null;
  readonly sasl: { readonly mechanism: SaslMechanism; readonly username: string; readonly password: Secret } | null;
}

/** @throws BitternError BIT_KAFKA_SECURITY when a file or variable is missing, or a combination makes no sense. */
export function readCredentials(options: KafkaSecurityOptions, env: NodeJS.ProcessEnv): KafkaCredentials {
  const { tls, sasl } = options;
  if (tls !== null && (tls.certFile === null) !== (tls.keyFile === null)) {
    throw unusable('a client certificate needs both its certificate file and its key file');
  }
  return {
    tls: tls && {
      ca: readFile('the authority (CA) file', tls.caFile),
      cert: readFile('the client certificate', tls.certFile),
      key: tls.keyFile === null ? null : new Secret(readFile('the client key', tls.keyFile) ?? ''),
    },
    sasl: sasl && { mechanism: sasl.mechanism, username: sasl.username, password: readSecret(sasl.password, env) },
  };
}

/** The part of kafkajs' configuration that signs in. */
export function kafkajsSecurity(credentials: KafkaCredentials): Pick<KafkaConfig, 'ssl' | 'sasl'> {
  const { tls, sasl } = credentials;
  return {
    ...(tls && { ssl: tlsOptions(tls) }),
    ...(sasl && {
      sasl: { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password.reveal() } as SASLOptions,
    }),
  };
}

/** The part of @platformatic/kafka's options that signs in. */
export function platformaticSecurity(
  credentials: KafkaCredentials,
): Pick<BaseOptions, 'tls' | 'sasl' | 'tlsServerName'> {
  const { tls, sasl } = credentials;
  return {
    ...(tls && { tls: tlsOptions(tls) }),
    ...(sasl && {
      sasl: {
        mechanism: SASL_NAMES[sasl.mechanism],
        username: sasl.username,
        password: () => sasl.password.reveal(),
      },
    }),
  };
}

const SASL_NAMES = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const;

function tlsOptions(tls: NonNullable<KafkaCredentials['tls']>): TlsOptions {
  return {
    ...(tls.ca !== null && { ca: tls.ca }),
    ...(tls.cert !== null && { cert: tls.cert }),
    ...(tls.key !== null && { key: tls.key.reveal() }),
  };
}

/** @throws BitternError BIT_KAFKA_SECURITY when the file or variable is missing. */
export function readSecret(source: SecretSource, env: NodeJS.ProcessEnv): Secret {
  if ('file' in source) return new Secret((readFile('the password file', source.file) ?? '').replace(/\r?\n$/, ''));
  const value = env[source.env];
  if (value === undefined || value === '') throw unusable(`the environment variable ${source.env} is not set`);
  return new Secret(value);
}

/** @throws BitternError BIT_KAFKA_SECURITY. `null` for no file. */
export function readFile(what: string, file: string | null): string | null {
  if (file === null) return null;
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw unusable(`${what} '${file}' can't be read`, cause);
  }
}

function unusable(why: string, cause?: unknown): BitternError {
  return new BitternError('BIT_KAFKA_SECURITY', `The Kafka security settings can't be used: ${why}.`, { cause });
}
