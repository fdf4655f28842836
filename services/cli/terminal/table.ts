/** Plain tables for people: columns padded to their widest cell, long cells cut, no colours, nothing that breaks a pipe. */

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly align?: 'left' | 'right';
  /** Cells are cut to this many characters, with `…`. */
  readonly widthMax?: number;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Text of the watched traffic, made harmless for a terminal: control characters (escape sequences, line breaks) become `·`. */
export function printable(text: string): string {
  return text.replace(CONTROL, '·');
}

function cut(text: string, widthMax: number): string {
  const characters = [...text];
  return characters.length <= widthMax ? text : `${characters.slice(0, widthMax - 1).join('')}…`;
}

const GAP = 2;

/** As many columns as fit, from the left; the first one in any case. */
function fitting(widths: readonly number[], lineWidth: number): number {
  let used = -GAP;
  let count = 0;
  for (const width of widths) {
    used += GAP + width;
    if (used > lineWidth) break;
    count++;
  }
  return Math.max(1, count);
}

/**
 * @param lineWidth characters of a line; columns that don't fit are left out, from the right
 * @returns lines without a trailing newline; '' for no rows
 */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  lineWidth = Number.POSITIVE_INFINITY,
): string {
  if (rows.length === 0) return '';
  const cells = rows.map((row) => columns.map((column) => cut(printable(column.value(row)), column.widthMax ?? 60)));
  const widths = columns.map((column, index) =>
    Math.max([...column.title].length, ...cells.map((line) => [...(line[index] ?? '')].length)),
  );
  const shown = fitting(widths, lineWidth);
  const renderLine = (line: readonly string[]): string =>
    line
      .slice(0, shown)
      .map((cell, index) => {
        const padding = ' '.repeat(Math.max(0, (widths[index] ?? 0) - [...cell].length));
        return columns[index]?.align === 'right' ? padding + cell : cell + padding;
      })
      .join(' '.repeat(GAP))
      .trimEnd();
  return [renderLine(columns.map((column) => column.title)), ...cells.map(renderLine)].join('\n');
}
