/**
 * tshark as a second opinion: the HTTP messages of a capture as Wireshark's dissectors read them, with bodies after transfer and
 * content decoding. Messages that were cut short aren't listed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface TsharkMessage {
  readonly kind: 'request' | 'response';
  /** Number of the TCP stream, and of the packet that completed the message. */
  readonly stream: number;
  readonly frame: number;
  readonly method: string;
  readonly uri: string;
  /** 0 for requests. */
  readonly status: number;
  /** As sent, without line ends. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

export interface TsharkExchange {
  readonly request: TsharkMessage;
  readonly response: TsharkMessage | null;
}

/** Text that tshark may print at most. */
const OUTPUT_BYTES_MAX = 512 * 1024 * 1024;

type Tree = Readonly<Record<string, unknown>>;

async function run(args: readonly string[]): Promise<string> {
  const child = spawn('tshark', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const chunks: Buffer[] = [];
  let size = 0;
  child.stdout.on('data', (bytes: Buffer) => {
    size += bytes.length;
    if (size > OUTPUT_BYTES_MAX) child.kill();
    else chunks.push(bytes);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0)
    throw new Error(`tshark ended with ${code}: is it installed, and is the capture smaller than some 50 MB?`);
  return Buffer.concat(chunks).toString();
}

/** The first value of a field, anywhere in the tree. */
function find(tree: Tree, field: string): unknown {
  if (tree[field] !== undefined) return tree[field];
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || key.endsWith('_raw')) continue;
    const found = find(value as Tree, field);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `_raw` fields are [hex, position, length, mask, type], or a list of those. */
function rawBytes(value: unknown): Buffer {
  if (!Array.isArray(value)) return Buffer.alloc(0);
  const first = Array.isArray(value[0]) ? (value[0] as unknown[])[0] : value[0];
  return Buffer.from(String(first), 'hex');
}

function asList(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function message(tree: Tree, stream: number, frame: number): TsharkMessage | null {
  const method = find(tree, 'http.request.method');
  const status = find(tree, 'http.response.code');
  if (method === undefined && status === undefined) return null;
  const lines = asList(tree[method === undefined ? 'http.response.line' : 'http.request.line']);
  return {
    kind: method === undefined ? 'response' : 'request',
    stream,
    frame,
    method: String(method ?? ''),
    uri: String(find(tree, 'http.request.uri') ?? ''),
    status: Number(status ?? 0),
    headers: lines.map((line) => String(line).trimEnd()),
    body: rawBytes(tree['http.file_data_raw']),
  };
}

interface Layers {
  readonly tcp: { readonly 'tcp.stream': string };
  readonly frame: { readonly 'frame.number': string };
  readonly http?: Tree | readonly Tree[];
}

/** `ports`: server ports that carry HTTP. */
export async function tsharkMessages(path: string, ports: readonly number[]): Promise<TsharkMessage[]> {
  const text = await run([
    ...['-2', '-r', path, '-o', 'tcp.reassemble_out_of_order:TRUE'],
    ...ports.flatMap((port) => ['-d', `tcp.port==${port},http`]),
    ...['-Y', 'http', '-T', 'json', '-x', '--no-duplicate-keys', '-J', 'frame tcp http'],
  ]);
  const packets = JSON.parse(text) as { readonly _source: { readonly layers: Layers } }[];
  return packets.flatMap(({ _source: { layers } }) => {
    const stream = Number(layers.tcp['tcp.stream']);
    const frame = Number(layers.frame['frame.number']);
    return (asList(layers.http) as readonly Tree[]).flatMap((tree) => message(tree, stream, frame) ?? []);
  });
}

/** Pairs requests and responses of each stream in their order; interim responses are left out. */
export function pairMessages(messages: readonly TsharkMessage[]): TsharkExchange[] {
  const exchanges: TsharkExchange[] = [];
  for (const list of Map.groupBy(messages, ({ stream }) => stream).values()) {
    const requests = list.filter(({ kind }) => kind === 'request');
    const responses = list.filter(({ kind, status }) => kind === 'response' && status >= 200);
    requests.forEach((request, at) => {
      exchanges.push({ request, response: responses[at] ?? null });
    });
  }
  return exchanges;
}

/** Value of a header; '' = isn't there. */
export function headerOf(message: TsharkMessage, name: string): string {
  const line = message.headers.find((each) => each.toLowerCase().startsWith(`${name}:`));
  return line === undefined ? '' : line.slice(name.length + 1).trim();
}

export interface TsharkSegment {
  /** Number of the packet that completed it. */
  readonly frame: number;
  readonly sourcePort: number;
  readonly targetPort: number;
  readonly seq: number;
  /** In hex. */
  readonly payload: string;
}

const SEGMENT_FIELDS = ['frame.number', 'tcp.srcport', 'tcp.dstport', 'tcp.seq_raw', 'tcp.payload'] as const;

/**
 * The TCP segments of a capture, in whatever links, tunnels and fragments they are. tshark must be told what it can't know: VXLAN on
 * port 8472, and that the MPLS labels 18 and 19, at the bottom of a stack, carry Ethernet without and with a control word.
 */
export async function tsharkSegments(path: string): Promise<TsharkSegment[]> {
  const text = await run([
    ...['-r', path, '-o', 'ip.defragment:TRUE', '-o', 'ipv6.defragment:TRUE', '-d', 'udp.port==8472,vxlan'],
    ...['-d', 'mpls.label==18,pwethnocw', '-d', 'mpls.label==19,pwethcw'],
    ...['-Y', 'tcp', '-T', 'fields', ...SEGMENT_FIELDS.flatMap((field) => ['-e', field])],
  ]);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [frame, sourcePort, targetPort, seq, payload = ''] = line.split('\t');
      return {
        frame: Number(frame),
        sourcePort: Number(sourcePort),
        targetPort: Number(targetPort),
        seq: Number(seq),
        payload,
      };
    });
}

export interface TsharkText {
  readonly fromClient: boolean;
  readonly text: string;
}

/** The text messages of WebSocket connections to `port`, unmasked and inflated, in their order. */
export async function tsharkTexts(path: string, port: number): Promise<TsharkText[]> {
  const text = await run([
    ...['-2', '-r', path, '-d', `tcp.port==${port},http`, '-Y', 'websocket.payload.text'],
    ...['-T', 'json', '--no-duplicate-keys', '-J', 'tcp websocket'],
  ]);
  const packets = JSON.parse(text) as { readonly _source: { readonly layers: Tree } }[];
  return packets.flatMap(({ _source: { layers } }) => {
    const fromClient = Number((layers.tcp as Tree)['tcp.dstport']) === port;
    return (asList(layers.websocket) as readonly Tree[]).flatMap((frame) => {
      const found = find(frame, 'websocket.payload.text');
      return found === undefined ? [] : [{ fromClient, text: String(found) }];
    });
  });
}
