import type { FuzzedParser } from './fuzzed-parser.ts';
import { imageParsers } from './image-parsers.ts';
import { messageParsers } from './message-parsers.ts';
import { modelParsers } from './model-parsers.ts';
import { positionParsers } from './position-parsers.ts';

/** Every parser of ours that reads what others wrote. */
export const PARSERS: readonly FuzzedParser[] = [
  ...messageParsers,
  ...modelParsers,
  ...positionParsers,
  ...imageParsers,
];
