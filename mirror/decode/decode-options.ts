/** What is looked into, and what the putting together of fragments may cost. */
export interface DecodeOptions {
  /** UDP ports (of the receiver) that carry VXLAN. */
  readonly vxlanPorts: readonly number[];
  /** UDP ports (of the receiver) that carry Geneve. */
  readonly genevePorts: readonly number[];
  /** Capture time after its first fragment at which an incomplete datagram is given up. */
  readonly fragmentTimeoutMs: number;
  /** Bytes of the fragments of all incomplete datagrams, with what they cost besides. */
  readonly fragmentBytesMax: number;
}

/** Ports: IANA's for VXLAN (RFC 7348) and Geneve (RFC 8926); 8472 is what Linux used before, and flannel and Cilium still do. */
export const DECODE_DEFAULTS: DecodeOptions = {
  vxlanPorts: [4789, 8472],
  genevePorts: [6081],
  fragmentTimeoutMs: 30_000,
  fragmentBytesMax: 16 * 1024 * 1024,
};

/** Ports in one of the lists above: each UDP packet is compared with all of them. */
export const TUNNEL_PORTS_MAX = 16;
