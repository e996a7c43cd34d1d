import { expect, test } from 'vitest';
import { fuzzParser } from './fuzz-parser.ts';
import { PARSERS } from './parsers.ts';

/** By hand in their hundred thousands: npm run test:fuzz -- --runs N. */
const RUNS = 150;

test.each(PARSERS.map(({ name }) => name))(
  '%s: what is whole is read, whatever else comes is refused in words, and nothing hangs',
  { timeout: 120_000 },
  async (name) => {
    const result = await fuzzParser(name, RUNS, 20_261_122);
    expect(result.failure).toBeNull();
    expect(Object.values(result.codes).reduce((sum, count) => sum + count, 0)).toBe(RUNS);
  },
);
