/** A certificate authority, a server certificate for the loopback address and a client certificate, made by OpenSSL for one test broker. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DAYS = '2';

export interface Certificates {
  /** PEM files. Keys are unencrypted PKCS#8. */
  readonly caFile: string;
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
  /** Key and certificate in one file, as Kafka's PEM key store wants them. */
  readonly serverStoreFile: string;
}

export async function makeCertificates(dir: string): Promise<Certificates> {
  const file = (name: string): string => path.join(dir, name);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    DAYS,
    '-subj',
    '/CN=Test CA',
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.pem'),
  );
  await writeFile(file('server.ext'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  await writeFile(file('client.ext'), 'extendedKeyUsage=clientAuth\n');
  for (const name of ['server', 'client']) {
    await openssl(
      'req',
      ...newKey,
      '-subj',
      `/CN=${name}`,
      '-keyout',
      file(`${name}.key`),
      '-out',
      file(`${name}.csr`),
    );
    await openssl(
      ...['x509', '-req', '-days', DAYS, '-in', file(`${name}.csr`), '-CA', file('ca.pem'), '-CAkey', file('ca.key')],
      ...['-CAcreateserial', '-extfile', file(`${name}.ext`), '-out', file(`${name}.pem`)],
    );
  }
  const store = (await readFile(file('server.key'), 'utf8')) + (await readFile(file('server.pem'), 'utf8'));
  await writeFile(file('server-store.pem'), store, { mode: 0o600 });
  return {
    caFile: file('ca.pem'),
    clientCertFile: file('client.pem'),
    clientKeyFile: file('client.key'),
    serverStoreFile: file('server-store.pem'),
  };
}

async function openssl(...options: readonly string[]): Promise<void> {
  await run('openssl', options);
}
