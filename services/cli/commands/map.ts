import { type ServiceEdge, serviceMap } from '../../clickhouse/service-map.ts';
import { type CommandBody, EXIT } from '../command.ts';
import { openConfiguredStore } from '../runtime.ts';
import { formatTime } from '../summary.ts';
import { type Column, renderTable } from '../terminal/table.ts';
import { formatCount } from '../terminal/units.ts';

const LIMIT_MAX = 1000;

function serverOf({ serverIp, serverPort, host }: ServiceEdge): string {
  const address = `${serverIp}:${serverPort}`;
  return host === '' || host === address || host === serverIp ? address : `${address} (${host})`;
}

function softwareOf({ software, otherSoftware }: ServiceEdge): string {
  if (software === '') return '–';
  return otherSoftware.length === 0 ? software : `${software} (also ${otherSoftware.join(', ')})`;
}

export function mapTable(edges: readonly ServiceEdge[], lineWidth?: number): string {
  const columns: Column<ServiceEdge>[] = [
    { title: 'CLIENT', value: (row) => (row.hop === 2 ? `${row.clientIp} (gateway)` : row.clientIp), widthMax: 40 },
    { title: 'AGENT', value: (row) => row.agentId || '–', widthMax: 20 },
    { title: 'SERVER', value: serverOf, widthMax: 48 },
    { title: 'SOFTWARE', value: softwareOf, widthMax: 40 },
    { title: 'CALLS', value: (row) => formatCount(row.calls), align: 'right' },
    { title: 'ERRORS', value: (row) => formatCount(row.errors), align: 'right' },
    { title: 'LAST CALL (UTC)', value: (row) => formatTime(row.lastSeen) },
    { title: 'FORWARDS TO', value: (row) => row.forwardsTo.join(', ') || '–', widthMax: 40 },
    { title: 'EVIDENCE', value: (row) => row.evidence.join('; ') || '–', widthMax: 120 },
  ];
  return renderTable(edges, columns, lineWidth);
}

export const map: CommandBody = {
  usage: '[options]',
  details: [
    'One line for each client, agent and server: what software the server is, how many calls, and the evidence. Nothing is guessed: – where',
    'nothing in the traffic tells. (gateway): calls that a gateway made for its clients, where both hops are mirrored.',
  ].join('\n'),
  options: {
    limit: { type: 'string', short: 'n', value: 'N', description: 'so many lines (default 50, at most 1000)' },
  },
  examples: [
    ['bittern map', 'who calls whom'],
    ['bittern map --json', 'the same with all evidence, models and times, one JSON object a line'],
  ],
  positionals: { min: 0, max: 0 },
  run: async ({ args, loaded, json, print, note }) => {
    const limit = args.integer('limit', 1, LIMIT_MAX) ?? 50;
    const store = await openConfiguredStore(loaded.config);
    try {
      const edges = await serviceMap(store, limit);
      if (json) for (const edge of edges) print(JSON.stringify(edge));
      else if (edges.length === 0) note('No calls. Store some with: bittern replay FILE');
      else print(mapTable(edges, process.stdout.isTTY ? process.stdout.columns : undefined));
      return EXIT.ok;
    } finally {
      await store.close();
    }
  },
};
