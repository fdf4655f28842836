/** POST with a time limit, and what its answer means for the next attempt. Redirects are not followed: a secret may be in the URL. */
import { ALERT_DEFAULTS } from '../defaults.ts';
import type { SendOutcome } from './receiver.ts';

export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const RETRY_AFTER_MS_MAX = 600_000;

/** Answers that may change by themselves: request timeout, too early, too many requests. */
const PASSING = new Set([408, 425, 429]);

export async function post({ url, headers, body }: Post, signal: AbortSignal): Promise<SendOutcome> {
  let response: Response;
  try {
    const target = withoutUser(url);
    response = await fetch(target.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'bittern', ...target.headers, ...headers },
      body,
      redirect: 'manual',
      signal,
    });
  } catch (error) {
    return { ok: false, kind: 'unavailable', problem: networkProblem(error) };
  }
  const text = await beginning(response).catch(() => '');
  if (response.ok) return { ok: true };
  const { status } = response;
  const problem = `HTTP ${status}${text === '' ? '' : `: ${text}`}`;
  const kind = status >= 500 || PASSING.has(status) ? 'unavailable' : 'rejected';
  const retryAfterMs = retryAfter(response.headers.get('retry-after'));
  return { ok: false, kind, problem, ...(retryAfterMs === null ? {} : { retryAfterMs }) };
}

/** fetch takes no URL with a user in it: it becomes the field that it stands for (RFC 7617). */
function withoutUser(text: string): { readonly url: URL; readonly headers: Record<string, string> } {
  const url = new URL(text);
  if (url.username === '' && url.password === '') return { url, headers: {} };
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  return { url, headers: { authorization: `Basic ${Buffer.from(user).toString('base64')}` } };
}

/** What an answer's body says, in one short line; reading more than that would let a receiver fill our memory. */
async function beginning(response: Response): Promise<string> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    text += decoder.decode(chunk, { stream: true });
    // Leaving the loop cancels the rest.
    if (bytes >= ALERT_DEFAULTS.answerBytesMax) break;
  }
  return text.replace(/\s+/g, ' ').trim().slice(0, 200);
}

/** Without the URL: it may hold a secret. */
function networkProblem(error: unknown): string {
  const { cause, name, message } = error as Error & { cause?: { code?: string } };
  const code = typeof cause === 'object' && cause !== null ? (cause.code ?? '') : '';
  if (code !== '') return `no connection: ${code}`;
  return name === 'TypeError' ? 'no connection' : message;
}

/** RFC 9110 section 10.2.3: seconds, or a date. */
function retryAfter(value: string | null): number | null {
  if (value === null) return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), RETRY_AFTER_MS_MAX) : null;
}
