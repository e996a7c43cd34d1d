/** Seeded pseudo-random numbers: the same seed gives the same numbers on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  /** A whole number in [0, limit). */
  integer(limit: number): number;
  /** 32 random bits. */
  bits(): number;
  /** Normal with mean 0 and deviation 1 (Box-Muller). */
  normal(): number;
  /** A new array with the items in random order (Fisher-Yates). */
  shuffled<T>(items: readonly T[]): T[];
  /** An independent stream that is the same for the same seed and key, whatever was drawn before. */
  fork(key: number): Random;
}

/** A generator from a whole-number seed (state mixing of SplitMix32, numbers of sfc32 by Chris Doty-Humphrey). */
export function createRandom(seed: number): Random {
  let mix = seed | 0;
  const mixed = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let value = mix ^ (mix >>> 16);
    value = Math.imul(value, 0x21f0aaad);
    value ^= value >>> 15;
    value = Math.imul(value, 0x735a2d97);
    return value ^ (value >>> 15);
  };
  let a = mixed();
  let b = mixed();
  let c = mixed();
  let counter = 1;
  const bits = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) bits();
  const next = (): number => bits() / 2 ** 32;
  return {
    next,
    bits,
    between: (low, high) => low + next() * (high - low),
    integer: (limit) => Math.floor(next() * limit),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    shuffled<T>(items: readonly T[]): T[] {
      const order = [...items];
      for (let i = order.length - 1; i > 0; i--) {
        const j = Math.floor(next() * (i + 1));
        [order[i], order[j]] = [order[j], order[i]];
      }
      return order;
    },
    fork: (key) => createRandom(Math.imul(seed | 0, 0x85ebca6b) ^ Math.imul((key | 0) + 1, 0xc2b2ae35)),
  };
}
