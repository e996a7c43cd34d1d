import { expect, test } from 'vitest';
import { fuzzParsers } from './fuzz-parser.ts';
import { PARSERS } from './parsers.ts';

/** By hand in their ten thousands: npm run test:fuzz -- --runs N. */
const RUNS = 100;

test(
  'every parser reads what is whole, refuses whatever else comes in words, hangs at nothing and keeps its memory',
  { timeout: 240_000 },
  async () => {
    const results = await fuzzParsers(
      PARSERS.map(({ name }) => name),
      RUNS,
      20_261_122,
    );
    expect(results.filter(({ failure }) => failure !== null)).toEqual([]);
    for (const { name, codes } of results) {
      const judged = Object.values(codes).reduce((sum, count) => sum + count, 0);
      expect({ name, judged }).toEqual({ name, judged: RUNS });
    }
  },
);
