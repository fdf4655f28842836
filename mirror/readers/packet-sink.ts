/** What a capture reader hands on. One call a packet, no objects: this is the hottest border of the program. */
export interface PacketSink {
  /**
   * One captured packet: `bytes[start … start + captured)`, valid only during the call.
   * `wire` is its length on the wire in bytes (>= captured), `time` in µs since the epoch, `linkType` as registered by tcpdump.org.
   */
  packet(bytes: Buffer, start: number, captured: number, wire: number, time: number, linkType: number): void;
  /** A sentence for people. */
  note(sentence: string): void;
  /** Bytes of the capture that couldn't be read as packets. */
  damaged(packets: number, bytes: number): void;
  /** Packets that the kernel or the capture tool dropped, as the capture itself tells. */
  kernelDrops(packets: number): void;
}

/**
 * Parses records in place. A reader keeps no bytes: what it couldn't consume is offered again with more behind it.
 */
export interface RecordReader {
  /** Bytes from a record's start that the reader must have before `read` can make progress. */
  readonly need: number;
  /** True when the rest of the source can't be read; it has told why. */
  readonly stopped: boolean;
  /** Consumes whole records from `start` and returns where it stopped; then sets `need` for the record that begins there. */
  read(bytes: Buffer, start: number, end: number): number;
}

/** Limits of the readers. Larger claims in a length field are damage, not records. */
export const READER_LIMITS = {
  /** Largest packet record; the kernel's largest offloaded segment is below 600 KB. */
  packetBytesMax: 1024 * 1024,
  /** Largest pcapng block of any kind. */
  blockBytesMax: 16 * 1024 * 1024,
  /** Interfaces described in one pcapng section. */
  interfacesMax: 65_536,
} as const;
