/** Seeded random numbers: the same seed gives the same sequence on every machine (32-bit integer arithmetic only). */
export class Random {
  private state: number;

  /** @param seed any integer; equal seeds give equal sequences */
  constructor(seed: number) {
    this.state = mix(seed | 0);
  }

  /** The next number, 0 ≤ x < 1. */
  next(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    return (mix(this.state) >>> 0) / 4294967296;
  }

  /** Evenly spread in low..high. */
  range(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Spread so that each doubling is equally likely; low > 0. */
  logRange(low: number, high: number): number {
    return low * (high / low) ** this.next();
  }

  /** A whole number in low..high, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One element of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.next() * list.length)] as T;
  }

  /** About normal, mean 0, deviation 1, never beyond ±3.5 (sum of uniforms). */
  bell(): number {
    return (this.next() + this.next() + this.next() + this.next() - 2) * 1.7320508;
  }

  /** A seed for a part, independent of how many numbers the part will draw. */
  seed(): number {
    return Math.floor(this.next() * 4294967296) | 0;
  }
}

/** Scrambles 32 bits so that neighbouring inputs give unrelated outputs (multiply and xor-shift finaliser). */
export function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}
