import { getSession, sessionsLike } from '../../clickhouse/story-queries.ts';
import { type CommandBody, EXIT, usageError } from '../command.ts';
import { openConfiguredStore } from '../runtime.ts';
import { transcript } from '../transcript.ts';

export const session: CommandBody = {
  usage: 'ID [options]',
  details: [
    'The transcript of one session: its turns, calls, tool calls with their results, subagents, times and costs. The id may be',
    'shortened. Texts are cut; `bittern call ID` shows a call whole.',
  ].join('\n'),
  options: {},
  examples: [
    ['bittern session ops-incident-77', 'one session'],
    ['bittern session 3f2a9c --json | jq .turns', 'its parts for programs'],
  ],
  positionals: { min: 1, max: 1 },
  run: async ({ args, loaded, json, print, note }) => {
    const store = await openConfiguredStore(loaded.config);
    try {
      const given = args.positionals[0] ?? '';
      const [id, other] = await sessionsLike(store, given);
      if (id !== given && other !== undefined)
        throw usageError(`More than one session begins with '${given}'; give more of the id.`);
      const stored = id === undefined ? null : await getSession(store, id);
      if (stored === null) {
        note(`bittern: there is no session '${given}'; 'bittern sessions' lists them.`);
        return EXIT.notFound;
      }
      print(json ? JSON.stringify(stored) : transcript(stored));
      return EXIT.ok;
    } finally {
      await store.close();
    }
  },
};
