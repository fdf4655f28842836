/** Names of the probes whose bytes something is made of. */
import type { ConnectionInfo } from './exchange.ts';

const SEPARATOR = ',';

/** The connection as it is told of by what has bytes of this probe, too. */
export function alsoBy(connection: ConnectionInfo, probe: string): ConnectionInfo {
  if (connection.probe === probe) return connection;
  const probes = connection.probe.split(SEPARATOR);
  if (probes.includes(probe)) return connection;
  return { ...connection, probe: [...probes, probe].sort().join(SEPARATOR) };
}
