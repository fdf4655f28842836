/** Basic types that every stage shares. No logic, no imports. */

declare const brand: unique symbol;
/** A nominal type: a `Brand<string, 'X'>` can't be passed where another brand is wanted. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** 32 hex digits: hash of network label, addresses, ports and the client's initial sequence number. */
export type ConnectionId = Brand<string, 'ConnectionId'>;
/** 32 hex digits: hash of the connection id and the stream offset of the request's first byte. */
export type CallId = Brand<string, 'CallId'>;
/** 32 hex digits: the first 128 bits of the SHA-256 of a piece of stored content. */
export type ContentHash = Brand<string, 'ContentHash'>;

/** Microseconds since the Unix epoch, by the clock of the capture. An integer below 2^53. */
export type Micros = number;
