/**
 * What can be fuzzed. A target is one file in `targets/` and one line in `targets/index.ts`.
 */
import type { Random } from '../generator/random.ts';

export interface FuzzTarget {
  /** `group/part`, such as `mirror/decode`; a group's targets can be run together. */
  readonly name: string;
  /** Part of its group's inputs that it gets, against the others' parts. */
  readonly share: number;
  /** Good inputs, as different as can be: mutations begin there. The same ones each time. */
  seeds(): readonly Buffer[];
  /** Bytes that mean something to the parser, to be put anywhere. */
  readonly tokens?: readonly Buffer[];
  /** A mutation that knows the input's structure; it is used for half of the inputs. `other`: another input to take parts from. */
  mutate?(input: Buffer, other: Buffer, random: Random): Buffer;
  /**
   * Parses the input and throws when anything is wrong: an exception, a broken invariant, two ways that disagree. It keeps no
   * state. Returns a number for what the input led to (which result, which depth …): inputs that lead to something new are
   * mutated further. Fewer than some thousand different numbers.
   */
  run(input: Buffer): number;
}
