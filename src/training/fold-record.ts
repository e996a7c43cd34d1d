import { z } from 'zod';
import { DEFECT_CLASSES } from '../domain/verdict.ts';
import { SpectaError } from '../platform/errors.ts';
import type { SaidOfSample } from './evaluate.ts';
import type { Fold } from './leave-one-out.ts';
import { JUDGEMENTS } from './metrics.ts';

const share = z.number().min(0).max(1).optional();
const Probabilities = z.object({ corrosion: share, crack: share, intact: share });

const Said = z.object({
  name: z.string(),
  source: z.string(),
  group: z.string(),
  defects: z.array(z.enum(DEFECT_CLASSES)),
  effectiveSide: z.number().optional(),
  judgement: z.custom<(typeof JUDGEMENTS)[number]>((value) => JUDGEMENTS.some((each) => each === value)),
  probabilities: Probabilities.nullable(),
  baseline: Probabilities,
});

const Written = z.object({
  key: z.string(),
  words: z.string(),
  sources: z.string(),
  digest: z.string(),
  asIs: z.array(Said),
  equalised: z.array(Said),
});

type Said = z.infer<typeof Said>;

/** A fold as it stands in its file, with the options it was made with. */
export interface FoldRecord {
  readonly key: string;
  readonly words: string;
  readonly fold: Fold;
}

/** The fold as an object for JSON. */
export function writtenFold(fold: Fold, key: string, words: string): z.infer<typeof Written> {
  const { sources, digest, asIs, equalised } = fold;
  return { key, words, sources, digest, asIs: asIs.map(writtenSaid), equalised: equalised.map(writtenSaid) };
}

/** Throws `DATA_INVALID` for a file that is no fold. */
export function parseFold(text: string, path: string): FoldRecord {
  try {
    const { key, words, sources, digest, asIs, equalised } = Written.parse(JSON.parse(text));
    return {
      key,
      words,
      fold: { sources, digest, asIs: asIs.map(readSaid), equalised: equalised.map(readSaid) },
    };
  } catch (error) {
    throw new SpectaError(
      'DATA_INVALID',
      `${path} is no finished fold: ${error instanceof Error ? error.message : error}`,
      'Remove it; the fold is then done again.',
      error,
    );
  }
}

function writtenSaid({ sample, network, baseline }: SaidOfSample): Said {
  const { defects, ...facts } = sample;
  return { ...facts, defects: [...defects], ...network, baseline };
}

function readSaid(said: Said): SaidOfSample {
  const { name, source, group, defects, effectiveSide, judgement, probabilities, baseline } = said;
  return {
    sample: {
      name,
      source,
      group,
      defects: new Set(defects),
      ...(effectiveSide !== undefined && { effectiveSide }),
    },
    network: { judgement, probabilities: probabilities && known(probabilities) },
    baseline: known(baseline),
  };
}

/** Absent ones are left away, not undefined. */
function known({ corrosion, crack, intact }: z.infer<typeof Probabilities>): SaidOfSample['baseline'] {
  return {
    ...(corrosion !== undefined && { corrosion }),
    ...(crack !== undefined && { crack }),
    ...(intact !== undefined && { intact }),
  };
}
