/**
 * The handshake (RFC 9293 section 3.5): SYN with the client's initial sequence number; SYN+ACK with the server's, and the
 * client's plus one as acknowledgement. Either tells where the client's stream begins.
 */
import { ACK, type Packet, SYN } from '../decode/packet.ts';
import { CLIENT_A, CLIENT_B, type Connection } from './connection.ts';
import type { Stream } from './stream.ts';

/** A SYN that belongs to a connection joined before it came lies at most this far before its first bytes. */
const LATE_BYTES_MAX = 1024 * 1024;
/** How far the numbers of a packet may be from a connection that was seen in another virtual network: by chance they hardly ever are so near. */
const LANE_DISTANCE_MAX = 1024 * 1024;
/** Data that fits into a SYN, generously. */
const FAST_OPEN_BYTES_MAX = 65_536;

function isSynAck(packet: Packet): boolean {
  return (packet.flags & (SYN | ACK)) === (SYN | ACK);
}

function clientIsn(packet: Packet): number {
  return isSynAck(packet) ? (packet.ack - 1) | 0 : packet.seq;
}

function clientOf(connection: Connection, packet: Packet): number {
  return (connection.directionOf(packet) === 1) === isSynAck(packet) ? CLIENT_B : CLIENT_A;
}

/** True for the connection's own SYN or SYN+ACK, or one sent again. */
export function sameHandshake(connection: Connection, packet: Packet): boolean {
  if (!connection.handshake || connection.client !== clientOf(connection, packet)) return false;
  if (isSynAck(packet) && connection.serverIsn !== null) return connection.serverIsn === packet.seq;
  // With data in the SYN (RFC 7413) the SYN+ACK acknowledges that, too.
  const fastOpenBytes = isSynAck(packet)
    ? (clientIsn(packet) - connection.isn) | 0
    : (connection.isn - clientIsn(packet)) | 0;
  return (
    fastOpenBytes === 0 || (fastOpenBytes > 0 && fastOpenBytes <= FAST_OPEN_BYTES_MAX && isNew(connection, packet))
  );
}

/** The SYN+ACK comes first here, or the SYN comes behind it and nothing was delivered. */
function isNew(connection: Connection, packet: Packet): boolean {
  return isSynAck(packet) || (connection.fromClient.emitted === 0 && connection.serverIsn !== null);
}

/** Takes over what the SYN or SYN+ACK says. For a new connection, one that was joined but not begun to deliver, or its own. */
export function adoptHandshake(connection: Connection, packet: Packet): void {
  const synAck = isSynAck(packet);
  if (!connection.handshake || (!synAck && connection.isn !== packet.seq)) {
    connection.handshake = true;
    connection.isn = clientIsn(packet);
    connection.client = clientOf(connection, packet);
    connection.rolesSource = 'handshake';
    connection.fromClient.setOrigin((connection.isn + 1) | 0);
  }
  if (!synAck || connection.serverIsn !== null) return;
  connection.serverIsn = packet.seq;
  if (!connection.fromServer.known) connection.fromServer.setOrigin((packet.seq + 1) | 0);
}

/** True when the SYN can't be of this connection, so that the same addresses and ports are in use again. */
export function beginsAnother(connection: Connection, packet: Packet): boolean {
  if (connection.handshake || connection.closed !== null) return true;
  const client = clientOf(connection, packet) === CLIENT_A ? connection.a : connection.b;
  if (!client.started) return false;
  const before = firstOffset(client) - client.unwrap((clientIsn(packet) + 1) | 0);
  return before < 0 || before > LATE_BYTES_MAX;
}

/** True when the connection has begun to deliver as a joined one, and its own SYN comes only now. */
export function isLateHandshake(connection: Connection): boolean {
  return connection.a.known || connection.b.known;
}

/** Offset of the first byte that this stream had, as far as is known. */
export function firstOffset(s: Stream): number {
  if (s.known) return s.next - s.emitted - s.pendingGap - (s.finDelivered ? 1 : 0);
  return Math.min(s.lowestData, s.lowestAck, 0);
}

/** How far the packet's sequence and acknowledgement numbers are from where the connection stands. */
export function distance(connection: Connection, packet: Packet): number {
  const fromA = connection.directionOf(packet) === 1;
  const s = fromA ? connection.a : connection.b;
  const o = fromA ? connection.b : connection.a;
  const ofSeq = s.started ? Math.abs((packet.seq - s.nextSeq) | 0) : 0;
  const ofAck = o.started && (packet.flags & ACK) !== 0 ? Math.abs((packet.ack - o.nextSeq) | 0) : 0;
  return ofSeq + ofAck;
}

/** Whether a packet with the connection's addresses and ports can be the connection's, though another virtual network carried it. */
export function fits(connection: Connection, packet: Packet): boolean {
  if ((packet.flags & SYN) !== 0 && connection.handshake) return sameHandshake(connection, packet);
  return distance(connection, packet) <= LANE_DISTANCE_MAX;
}
