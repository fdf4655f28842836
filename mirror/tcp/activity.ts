/** Connections in the order of their last packet: the oldest are the first to become idle or to be evicted. */
import type { Connection } from './connection.ts';

export class ActivityList {
  oldest: Connection | null = null;
  #newest: Connection | null = null;
  size = 0;

  add(connection: Connection): void {
    connection.older = this.#newest;
    connection.newer = null;
    if (this.#newest === null) this.oldest = connection;
    else this.#newest.newer = connection;
    this.#newest = connection;
    this.size++;
  }

  touch(connection: Connection, now: number): void {
    connection.lastActive = now;
    if (connection === this.#newest) return;
    this.remove(connection);
    this.add(connection);
  }

  remove(connection: Connection): void {
    if (connection.older === null) this.oldest = connection.newer;
    else connection.older.newer = connection.newer;
    if (connection.newer === null) this.#newest = connection.older;
    else connection.newer.older = connection.older;
    connection.older = null;
    connection.newer = null;
    this.size--;
  }
}
