import { configurationPage, effectiveSettings, exampleFile } from '../../config/print.ts';
import { type CommandBody, EXIT } from '../command.ts';
import { renderTable } from '../terminal/table.ts';

export const config: CommandBody = {
  usage: '[options]',
  details: [
    'Checks the configuration (file, environment variables, command line) and prints every setting with its value and where it came',
    'from. Credentials are hidden. All problems are told at once, by path; the exit code is 2 then.',
  ].join('\n'),
  options: {
    example: { type: 'boolean', description: 'print a configuration file with every setting explained' },
    markdown: { type: 'boolean', description: 'print the page docs/configuration.md' },
  },
  examples: [
    ['bittern config', 'what is in force'],
    ['bittern config --example > bittern.yaml', 'a file to start from'],
  ],
  positionals: { min: 0, max: 0 },
  run: async ({ args, loaded, json, print }) => {
    if (args.flag('example')) print(exampleFile().trimEnd());
    else if (args.flag('markdown')) print(configurationPage().trimEnd());
    else if (json) print(JSON.stringify({ file: loaded.file, settings: effectiveSettings(loaded) }));
    else {
      print(
        loaded.file === null
          ? 'No configuration file; defaults, environment and command line only.'
          : `File: ${loaded.file}`,
      );
      const rows = effectiveSettings(loaded);
      print(
        renderTable(rows, [
          { title: 'SETTING', value: (row) => row.path },
          {
            title: 'VALUE',
            value: (row) => (typeof row.value === 'string' ? row.value : JSON.stringify(row.value)),
            widthMax: 70,
          },
          { title: 'FROM', value: (row) => row.source },
        ]),
      );
    }
    return EXIT.ok;
  },
};
