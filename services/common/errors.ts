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
