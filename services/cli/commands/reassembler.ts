import { CODEC_DEFAULTS } from '../../../schemas/codec.ts';
import { createCredentialMasker } from '../../http/credentials.ts';
import { maskingKey } from '../../masking/frame-mask.ts';
import { kafkaObserved } from '../../observe/sources/kafka.ts';
import { reassemblerObserved } from '../../observe/sources/reassembler.ts';
import { fittingProducer } from '../../reassembler/fit.ts';
import { Reassembler } from '../../reassembler/reassembler.ts';
import { type CommandBody, EXIT } from '../command.ts';
import { kafkaTopics, openKafkaBus } from '../kafka.ts';
import { kafkaLimits, startObserving } from '../observe.ts';
import { fingerprintKey, reassemblerOptions } from '../runtime.ts';
import { runStage } from '../stage.ts';
import { formatCount } from '../terminal/units.ts';

/** What a record may weigh, less what sealing and a registry's header add. */
const FITTING_BYTES = CODEC_DEFAULTS.observationBytesMax - 64 * 1024;

export const reassembler: CommandBody = {
  usage: '[options]',
  details: [
    'One of any number of processes that share the partitions of the frames topic. Keeps no state of its own: what is in flight comes from',
    'the topic again when another process takes over. Ctrl-C or SIGTERM finishes what is in hand and hands over. Set',
    'identity.fingerprintKeyFile to the same key for all of them and all probes: it opens the credentials in frames, and equal ones have',
    'equal fingerprints.',
  ].join('\n'),
  options: {},
  examples: [['BITTERN_KAFKA_BROKERS=kafka:9092 bittern reassembler', 'joins the group']],
  positionals: { min: 0, max: 0 },
  service: true,
  run: async (context) => {
    const { loaded, signal, note } = context;
    const { config } = loaded;
    const key = await fingerprintKey(config);
    const masker = createCredentialMasker(key);
    const topics = await kafkaTopics(config, { writes: ['observations'], maskingKey: maskingKey(key), note });
    const bus = await openKafkaBus(config, signal);
    const observing = await startObserving(context, 'reassembler');
    try {
      const options = { ...reassemblerOptions(config, key), limits: config.reassembler };
      const producer = fittingProducer(bus.producer(topics.observations), FITTING_BYTES, note);
      const stage = new Reassembler(options, masker, producer, note);
      const consumer = await bus.consumer(topics.frames, 'reassembler', stage);
      stage.attach(consumer);
      observing.add(kafkaObserved(bus, kafkaLimits(config)), reassemblerObserved(stage));
      note('Reassembler is running.');
      const status = (): string => {
        const [stats] = bus.consumerStats;
        return `reassembler: partitions ${stats?.partitions.join(',') || 'none'}, ${formatCount(stage.counts.calls)} calls, ${formatCount(stage.counts.exchanges)} exchanges`;
      };
      await runStage({ consumers: [consumer], status }, signal, note);
      return EXIT.ok;
    } finally {
      await bus.close();
      observing.close();
    }
  },
};
