import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { makeCertificates } from '../../load-tests/kafka/certificates.ts';
import { isOnPath } from '../../load-tests/kafka/distribution.ts';
import { postTo } from './post.ts';
import { retryAfterMs } from './sender.ts';

const skip = isOnPath('openssl') || process.env.CI === 'true' ? false : 'openssl is missing';

test('a receiver over TLS is believed by its authority only', { skip }, async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), 'bittern-otlp-tls-'));
  t.after(() => rm(dir, { recursive: true }));
  const { caFile, serverStoreFile } = await makeCertificates(dir);
  const store = await readFile(serverStoreFile, 'utf8');
  const paths: (string | undefined)[] = [];
  const server = https.createServer({ key: store, cert: store }, (request, response) => {
    paths.push(request.url);
    request.resume().on('end', () => response.end('{}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const endpoint = `https://127.0.0.1:${(server.address() as AddressInfo).port}/base/`;
  const receiver = {
    endpoint,
    headers: new Map<string, string>(),
    contentType: 'x/y',
    timeoutMs: 5000,
    userAgent: 'test',
  };
  const { signal } = new AbortController();
  const known = postTo({ ...receiver, ca: await readFile(caFile) });
  t.after(known.close);
  assert.equal((await known.post('/v1/traces', Buffer.from('x'), signal)).status, 200);
  const unknown = postTo({ ...receiver, ca: null });
  t.after(unknown.close);
  await assert.rejects(unknown.post('/v1/traces', Buffer.from('x'), signal), /unable to|self-signed/);
  assert.deepEqual(paths, ['/base/v1/traces']);
});

test('a receiver that is silent is given up, and an answer without end is cut', async (t) => {
  const server = http.createServer((request, response) => {
    request.resume().on('end', () => {
      if (request.url === '/v1/logs') return;
      const more = (): void => {
        if (!response.destroyed) response.write('x'.repeat(10_000), () => setImmediate(more));
      };
      more();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { post, close } = postTo({
    endpoint,
    headers: new Map(),
    contentType: 'x/y',
    ca: null,
    timeoutMs: 1500,
    userAgent: 'test',
  });
  t.after(close);
  const { signal } = new AbortController();
  await assert.rejects(post('/v1/logs', Buffer.from('x'), signal), { code: 'BIT_OTLP_TIMEOUT' });
  const { body } = await post('/v1/traces', Buffer.from('x'), signal);
  assert.ok(body.length <= 65_536);
});

test('Retry-After is seconds or a date, and no more than is believed', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(retryAfterMs('', now), null);
  assert.equal(retryAfterMs('soon', now), null);
  assert.equal(retryAfterMs('3', now), 3000);
  assert.equal(retryAfterMs('Thu, 01 Jan 2026 00:00:10 GMT', now), 10_000);
  assert.equal(retryAfterMs('Wed, 31 Dec 2025 00:00:00 GMT', now), 0);
  assert.equal(retryAfterMs('999999', now), 600_000);
});
