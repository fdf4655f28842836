/**
 * The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B). The code is canonical: codes of one length are consecutive
 * numbers in the order of their symbols, so the lengths tell all of it. A string ends with the first bits of EOS, all ones, fewer
 * than 8 of them.
 *
 * Decoding goes by half bytes through a table of states (the inner nodes of the code's tree): no code is shorter than 5 bits, so
 * a half byte ends at most one.
 */

/** Length of each symbol's code in bits, by symbol; the last one is EOS. Runs as `length` or `length*count`. */
const LENGTHS =
  `13 23 28*7 24 30 28*2 30 28*8 30 28*9 6 10*2 12 13 6 8 11 10*2 8 11 8 6*3 5*3 6*7 7 8 15 6 12 10 13 6 7*22 8 7 8 13 19 13 14 6 15
  5 6 5 6 5 6*3 5 7*2 6*3 5 6 7 6 5*2 6 7*5 15 11 14 13 28 20 22 20*2 22*3 23 22 23*5 24 23 24*2 22 23 24 23*4 21 22 23 22 23*2 24
  22 21 20 22*2 23*2 21 23 22*2 24 21 22 23*2 21*2 22 21 23 22 23*2 20 22*3 23 22*2 23 26*2 20 19 22 23 22 25 26*3 27*2 26 24 25 19
  21 26 27*2 26 27 24 21*2 26*2 28 27*3 20 24 20 21 22 21*2 23 22*2 25*2 24*2 26 23 26 27 26*2 27*5 28 27*5 26 30`
    .split(/\s+/)
    .flatMap((run) => {
      const [length, count] = run.split('*').map(Number);
      return Array<number>(count ?? 1).fill(length!);
    });
const EOS = 256;

/** What a half byte makes of a state: next state, perhaps a symbol; or the end of all hope. */
const STATE_MASK = 0x1ff;
const SYMBOL_SHIFT = 9;
const HAS_SYMBOL = 1 << 17;
const DEAD = -1;

interface Automaton {
  /** By state * 16 + half byte. */
  readonly steps: Int32Array;
  /** 1: a string may end in this state. */
  readonly mayEnd: Uint8Array;
}

/** The tree of the code: two links for each inner node; a link below zero is a leaf, -1 - symbol. 0 = not there yet. */
function tree(): number[] {
  const links = [0, 0];
  const order = LENGTHS.map((_, symbol) => symbol).sort((a, b) => LENGTHS[a]! - LENGTHS[b]! || a - b);
  let code = 0;
  let before = LENGTHS[order[0]!]!;
  for (const symbol of order) {
    const length = LENGTHS[symbol]!;
    code *= 2 ** (length - before);
    before = length;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const link = node * 2 + ((code >>> bit) & 1);
      if (links[link] === 0) {
        links[link] = links.length / 2;
        links.push(0, 0);
      }
      node = links[link]!;
    }
    links[node * 2 + (code & 1)] = -1 - symbol;
    code++;
  }
  return links;
}

function step(links: readonly number[], state: number, half: number): number {
  let node = state;
  let symbol = -1;
  for (let bit = 3; bit >= 0; bit--) {
    const link = links[node * 2 + ((half >> bit) & 1)]!;
    if (link >= 0) node = link;
    else if (link === -1 - EOS) return DEAD;
    else {
      symbol = -1 - link;
      node = 0;
    }
  }
  return node | (symbol < 0 ? 0 : HAS_SYMBOL | (symbol << SYMBOL_SHIFT));
}

function automaton(): Automaton {
  const links = tree();
  const states = links.length / 2;
  const steps = new Int32Array(states * 16);
  for (let at = 0; at < steps.length; at++) steps[at] = step(links, at >> 4, at & 15);
  const mayEnd = new Uint8Array(states);
  // The root, and up to seven ones from there.
  for (let bits = 0, node = 0; bits < 8; bits++, node = links[node * 2 + 1]!) mayEnd[node] = 1;
  return { steps, mayEnd };
}

const { steps: STEPS, mayEnd: MAY_END } = automaton();
/** A code of 5 bits for each 8: no string grows by more. */
const GROWTH_MAX = 8 / 5;
let scratch = Buffer.allocUnsafeSlow(4096);

/** The string between `start` and `end`, its bytes as Latin-1; null when it isn't valid. */
export function decodeHuffman(buffer: Buffer, start: number, end: number): string | null {
  const most = Math.ceil((end - start) * GROWTH_MAX);
  // Bounded by the header block, whose size is limited.
  if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(most);
  const out = scratch;
  let length = 0;
  let state = 0;
  for (let at = start; at < end; at++) {
    const byte = buffer[at]!;
    const high = STEPS[(state << 4) | (byte >> 4)]!;
    if (high === DEAD) return null;
    if ((high & HAS_SYMBOL) !== 0) out[length++] = (high >> SYMBOL_SHIFT) & 255;
    const low = STEPS[((high & STATE_MASK) << 4) | (byte & 15)]!;
    if (low === DEAD) return null;
    if ((low & HAS_SYMBOL) !== 0) out[length++] = (low >> SYMBOL_SHIFT) & 255;
    state = low & STATE_MASK;
  }
  return MAY_END[state] === 1 ? out.toString('latin1', 0, length) : null;
}
