/**
 * Who made a request, from what the request itself tells, in order of trust: configured headers, the body, the client's
 * profile, the process, the credential. What none of them tells stays empty. The connection tells nothing: gateways put
 * many agents on one.
 */
import type { IdentitySource } from '../../schemas/call.ts';
import type { Process } from '../../schemas/frame.ts';
import type { Credential, Headers } from '../http/exchange.ts';
import { type Client, clientOf } from './client.ts';
import type { IdentityMapping } from './mapping.ts';

/** Ids that a request's body carries; '' = none. */
export interface BodyIdentity {
  readonly agentId: string;
  readonly sessionId: string;
  readonly userId: string;
}

export const NO_BODY_IDENTITY: BodyIdentity = { agentId: '', sessionId: '', userId: '' };

export interface Attribution {
  readonly agentId: string;
  readonly identitySource: IdentitySource;
  readonly sessionId: string;
  readonly sessionSource: IdentitySource;
  readonly userId: string;
  readonly teamId: string;
  /** Fingerprint, never the credential. */
  readonly credential: string;
  readonly client: Client;
}

/** Longer values are cut: an id isn't a text. */
const ID_CHARS_MAX = 256;

/** The first of `names` that is present and not empty. */
export function firstHeader(headers: Headers, names: readonly string[]): string {
  for (const name of names) {
    const value = headers.get(name);
    if (value !== undefined && value !== '') return value.length > ID_CHARS_MAX ? value.slice(0, ID_CHARS_MAX) : value;
  }
  return '';
}

function agentOf(
  header: string,
  body: string,
  client: Client,
  process: Process | null,
  credential: string,
): { readonly agentId: string; readonly identitySource: IdentitySource } {
  if (header !== '') return { agentId: header, identitySource: 'header' };
  if (body !== '') return { agentId: body.slice(0, ID_CHARS_MAX), identitySource: 'body' };
  if (client.isAgent) return { agentId: client.name, identitySource: 'client_profile' };
  if (process !== null && process.name !== '') return { agentId: process.name, identitySource: 'process' };
  // The credential tells callers apart (it has its own column), but it isn't a name.
  if (credential !== '') return { agentId: '', identitySource: 'credential' };
  return { agentId: '', identitySource: '' };
}

/** `headers` of the request; an empty map when it was never seen. */
export function attribute(
  mapping: IdentityMapping,
  headers: Headers,
  body: BodyIdentity,
  credential: Credential | null,
  process: Process | null,
): Attribution {
  const client = clientOf(headers);
  const fingerprint = credential?.fingerprint ?? '';
  const agent = agentOf(firstHeader(headers, mapping.agentId), body.agentId, client, process, fingerprint);
  const session = firstHeader(headers, mapping.sessionId);
  return {
    agentId: agent.agentId,
    identitySource: agent.identitySource,
    sessionId: session || body.sessionId.slice(0, ID_CHARS_MAX),
    sessionSource: session !== '' ? 'header' : body.sessionId !== '' ? 'body' : '',
    userId: firstHeader(headers, mapping.userId) || body.userId.slice(0, ID_CHARS_MAX),
    teamId: firstHeader(headers, mapping.teamId),
    credential: fingerprint,
    client,
  };
}
