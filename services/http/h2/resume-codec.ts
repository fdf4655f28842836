/**
 * Where HTTP/2 connections stand, as JSON for a checkpoint. Dynamic tables are the most of it: of each direction the newest
 * fields are kept, as far as there is room; what is left out is unknown to the successor, as after a join.
 */
import { z } from 'zod';
import type { Http2Standing } from '../connection.ts';
import type { DirectionState } from './direction.ts';
import type { TableState } from './hpack/dynamic-table.ts';
import type { Field } from './hpack/field.ts';
import type { TunnelResume } from './tunnels.ts';

/** Most of a direction's table that is told, in bytes as HPACK counts them: twice what peers agree on if they say nothing. */
const TABLE_BYTES_TOLD = 8192;

/** [name, value, size], or [name, value, size, field of the credential, fingerprint]. */
const field = z.union([
  z.tuple([z.string().nullable(), z.string().nullable(), z.number()]),
  z.tuple([z.string(), z.string(), z.number(), z.string(), z.string()]),
]);
const direction = z.object({
  synced: z.boolean(),
  preface: z.number(),
  complete: z.boolean(),
  sizeMax: z.number(),
  sizeAgreed: z.number(),
  fields: z.array(field),
});
/** Offsets as the connection counts them; the state as the tunnel encoded it, base64url. */
const tunnel = z.object({
  stream: z.number(),
  at: z.tuple([z.number(), z.number()]),
  ended: z.enum(['client', 'server']).nullable(),
  state: z.string(),
});
const standing = z.object({
  swapped: z.boolean(),
  tunnels: z.array(tunnel).optional(),
  rolesKnown: z.boolean(),
  at: z.tuple([z.number(), z.number()]),
  client: direction,
  server: direction,
  known: z.object({
    max: z.number(),
    doubt: z.boolean(),
    unseen: z.array(z.object({ from: z.number(), to: z.number() })),
    strays: z.array(z.number()),
  }),
});

/** Tables that don't change are told again with every checkpoint. */
const written = new WeakMap<TableState, string>();

/** `tunnelBytesMax`: of the state of each tunnel; one that needs more isn't told, and its stream not read on. */
export function writeStanding({ resume, swapped }: Http2Standing, tunnelBytesMax: number): string {
  const { rolesKnown, clientOffset, serverOffset, client, server, known, tunnels } = resume;
  const told = tunnels.flatMap((each) => writeTunnel(each, tunnelBytesMax));
  const head = { swapped, rolesKnown, at: [clientOffset, serverOffset], known };
  const rest = JSON.stringify(told.length === 0 ? head : { ...head, tunnels: told });
  return `${rest.slice(0, -1)},"client":${writeDirection(client)},"server":${writeDirection(server)}}`;
}

function writeTunnel({ stream, client, server, ended, state }: TunnelResume, bytesMax: number): object[] {
  const bytes = state.encode(bytesMax);
  if (bytes.length === 0) return [];
  return [{ stream, at: [client, server], ended, state: bytes.toString('base64url') }];
}

function readTunnel({ stream, at, ended, state }: z.infer<typeof tunnel>): TunnelResume {
  const bytes = Buffer.from(state, 'base64url');
  const encode = (bytesMax: number) => (bytes.length <= bytesMax ? bytes : Buffer.alloc(0));
  return { stream, client: at[0], server: at[1], ended, state: { encode } };
}

function writeDirection({ synced, preface, table }: DirectionState): string {
  let text = written.get(table);
  if (text === undefined) {
    text = writeTable(table);
    written.set(table, text);
  }
  return `{"synced":${synced},"preface":${preface},${text}}`;
}

function writeTable({ fields, complete, sizeMax, sizeAgreed }: TableState): string {
  let from = fields.length;
  for (let bytes = 0; from > 0 && bytes + fields[from - 1]!.size <= TABLE_BYTES_TOLD; from--)
    bytes += fields[from - 1]!.size;
  const told = fields.slice(from).map(({ name, value, size, credential }) => {
    return credential === null ? [name, value, size] : [name, value, size, credential.field, credential.fingerprint];
  });
  const table = { complete: complete && from === 0, sizeMax, sizeAgreed, fields: told };
  return JSON.stringify(table).slice(1, -1);
}

/** @throws when it isn't what `writeStanding` wrote. */
export function readStanding(json: unknown): Http2Standing {
  const { swapped, rolesKnown, at, client, server, known, tunnels = [] } = standing.parse(json);
  const [clientOffset, serverOffset] = at;
  const directions = { client: directionOf(client), server: directionOf(server) };
  const resume = { rolesKnown, clientOffset, serverOffset, ...directions, known, tunnels: tunnels.map(readTunnel) };
  return { swapped, resume };
}

function directionOf({ synced, preface, fields, ...sizes }: z.infer<typeof direction>): DirectionState {
  return { synced, preface, table: { ...sizes, fields: fields.map(fieldOf) } };
}

function fieldOf([name, value, size, of, fingerprint]: z.infer<typeof field>): Field {
  const credential = of === undefined || fingerprint === undefined ? null : { field: of, fingerprint };
  return { name, value, size, credential };
}
