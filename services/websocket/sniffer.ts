/**
 * Finds out that a connection of which the upgrade wasn't seen is a WebSocket. A client's frames are masked and a server's are not,
 * so they also tell who is who.
 *
 * One segment that holds, or begins, a text which is a JSON object is enough: chance gives that in less than one of 2^45
 * segments. Else it takes several in a row that consist of whole frames to their last byte; those of TLS and of other protocols do so
 * in about one of 30,000. What is compressed with references to earlier messages never tells more than that.
 */
import type { Side } from '../../schemas/frame.ts';
import type { TunnelSniffer } from '../http/exchange.ts';
import type { FrameRules } from './frame.ts';
import { MessageInflate } from './inflate.ts';
import { SOCKET_DEFAULTS } from './options.ts';
import { type Alone, judge } from './resync.ts';

/** Masked segments in a row, or unmasked ones, that must fit where none tells. */
const MASKED_MIN = 3;
const UNMASKED_MIN = 8;

const RULES: Readonly<Record<Side, FrameRules>> = {
  client: { masked: true, deflate: true, frameBytesMax: SOCKET_DEFAULTS.frameBytesMax },
  server: { masked: false, deflate: true, frameBytesMax: SOCKET_DEFAULTS.frameBytesMax },
};

/** Inflates without knowing what was agreed on. */
export function aloneOf(inflate: MessageInflate): Alone {
  return { mayReferBack: true, read: (payload, whole) => inflate.read(payload, whole) };
}

export class SocketSniffer implements TunnelSniffer {
  readonly #alone = aloneOf(new MessageInflate(false, SOCKET_DEFAULTS));
  /** Segments in a row that fit, by who sent them and as whose. */
  readonly #fitting = { client: { client: 0, server: 0 }, server: { client: 0, server: 0 } };

  sees(side: Side, bytes: Buffer, rolesOpen: boolean): 'no' | 'socket' | 'reversed' {
    if (this.#sees(side, bytes, side)) return 'socket';
    const other = side === 'client' ? 'server' : 'client';
    return rolesOpen && this.#sees(side, bytes, other) ? 'reversed' : 'no';
  }

  #sees(side: Side, bytes: Buffer, as: Side): boolean {
    const judged = judge(bytes, RULES[as], this.#alone);
    const fitting = this.#fitting[side];
    fitting[as] = judged === 'no' ? 0 : fitting[as] + 1;
    return judged === 'tells' || fitting[as] >= (as === 'client' ? MASKED_MIN : UNMASKED_MIN);
  }
}
