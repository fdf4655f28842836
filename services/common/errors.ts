/**
 * Every error that an operator may see carries a stable code (`BIT_…`), a sentence that says what to do, and its cause.
 * Damaged or hostile *traffic* is never an error: it is counted and passed on as a value.
 */
export class BitternError extends Error {
  readonly code: string;

  constructor(code: `BIT_${string}`, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BitternError';
    this.code = code;
  }
}

/**
 * An error in words that hold nothing of the traffic, for logs and health: the messages of others may quote what they worked on
 * (JSON.parse quotes the text, ClickHouse the row), so of those only names and codes are told. The system's own are kept.
 */
export function toldOf(error: unknown): string {
  if (error instanceof BitternError) return error.message;
  if (!(error instanceof Error)) return `a value of type ${typeof error} was thrown`;
  const { code, type, syscall } = error as { code?: unknown; type?: unknown; syscall?: unknown };
  if (typeof syscall === 'string') return error.message;
  const words = [type, code].filter((word) => typeof word === 'string' && /^[\w.-]{1,80}$/.test(word));
  return words.length === 0 ? error.name : words.join(' ');
}
