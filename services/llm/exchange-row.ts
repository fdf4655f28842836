/** An exchange that isn't a call: metadata only. */
import type { ExchangeRow } from '../../schemas/call.ts';
import type { Exchange } from '../http/exchange.ts';
import { protocolOf } from '../http/protocol.ts';
import { attribute, NO_BODY_IDENTITY } from '../identity/attribution.ts';
import type { IdentityMapping } from '../identity/mapping.ts';
import type { Privacy } from '../privacy/privacy.ts';
import { NO_HEADERS } from './call-builder.ts';
import { completenessOf, missingBytes } from './completeness.ts';
import { exchangeId } from './ids.ts';

export function buildExchangeRow(exchange: Exchange, identity: IdentityMapping, privacy: Privacy): ExchangeRow {
  const { connection, requestHead, responseHead, request, response, upgrade, grpc, prewarm } = exchange;
  const counts = upgrade?.counts ?? null;
  const headers = requestHead?.headers ?? NO_HEADERS;
  const who = attribute(identity, headers, NO_BODY_IDENTITY, requestHead?.credential ?? null, connection.process);
  const host = headers.get('host') ?? '';
  const path = requestHead?.path ?? '';
  const heads = privacy.heads({ agentId: who.agentId, host, path }, requestHead, responseHead);
  const ended = response.state === 'complete' || upgrade !== null;
  return {
    exchangeId: exchangeId(exchange),
    connectionId: connection.id,
    started: request.start ?? response.start ?? 0,
    firstByte: response.start,
    ended: response.end ?? request.end,
    method: requestHead?.method ?? '',
    host,
    path,
    protocol: protocolOf(exchange),
    status: responseHead?.status ?? 0,
    requestType: headers.get('content-type') ?? '',
    responseType: responseHead?.headers.get('content-type') ?? '',
    requestBytes: request.bodyBytes,
    responseBytes: response.bodyBytes,
    requestMessages: grpc?.requestMessages ?? 0,
    responseMessages: grpc?.responseMessages ?? 0,
    grpcStatus: grpc?.status ?? '',
    outcome: exchange.end ?? '',
    completeness: completenessOf(exchange, { ended, streamError: false, refused: false, cut: false }),
    missingBytes: missingBytes(exchange),
    provisional: false,
    clientName: who.client.name,
    agentId: who.agentId,
    credential: who.credential,
    clientIp: connection.client.address,
    clientPort: connection.client.port,
    serverIp: connection.server.address,
    serverPort: connection.server.port,
    upgrade: upgrade?.protocol ?? '',
    upgradeBytes: upgrade === null ? 0 : upgrade.clientBytes + upgrade.serverBytes,
    clientMessages: counts?.clientMessages ?? 0,
    serverMessages: counts?.serverMessages ?? 0,
    clientMessageBytes: counts?.clientMessageBytes ?? 0,
    serverMessageBytes: counts?.serverMessageBytes ?? 0,
    skippedBytes: counts?.skippedBytes ?? 0,
    closeCode: counts?.closeCode ?? 0,
    purpose: prewarm === undefined ? '' : 'prewarm',
    responseId: prewarm?.responseId ?? '',
    origin: connection.origin,
    probe: connection.probe,
    network: connection.network,
    requestHeaders: heads.requestHeaders,
    responseHeaders: heads.responseHeaders,
  };
}
