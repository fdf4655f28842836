import { type CommandBody, EXIT } from '../command.ts';
import { openKafkaBus, topicPlans } from '../kafka.ts';

export const topics: CommandBody = {
  usage: '[--create] [options]',
  details:
    'Says in sentences what is wrong with the topics: missing, too few partitions, too short a retention, too small a message size. The exit code is 4 then.',
  options: {
    create: { type: 'boolean', description: 'create those that are missing; existing ones are left as they are' },
  },
  examples: [['bittern topics --create', 'before the first start']],
  positionals: { min: 0, max: 0 },
  run: async ({ args, loaded, json, print }) => {
    const plans = topicPlans(loaded.config);
    const bus = await openKafkaBus(loaded.config);
    try {
      const created = args.flag('create') ? await bus.topics.create(plans) : [];
      const problems = await bus.topics.check(plans);
      if (json) print(JSON.stringify({ created, problems }));
      else {
        for (const name of created) print(`✔ created ${name}`);
        for (const problem of problems) print(`✘ ${problem}`);
        if (problems.length === 0) print(`✔ ${plans.length} topics are as they should be`);
      }
      return problems.length === 0 ? EXIT.ok : EXIT.unhealthy;
    } finally {
      await bus.close();
    }
  },
};
