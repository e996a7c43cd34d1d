import type { Manifest } from '../domain/manifest.ts';
import type { ClassName, DefectClass, Label, Probabilities } from '../domain/verdict.ts';
import { SpectaError } from '../platform/errors.ts';

/** Softmax: shifted by the largest logit, so that nothing overflows. */
function softmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/**
 * Calibrated probability by class from the network's raw outputs, by the manifest's output kind.
 * @param logits one for each of `manifest.output.classes`
 * Throws `ENGINE_FAILED` where the logits are too few, too many or no numbers.
 */
export function probabilitiesOf(
  logits: Float32Array,
  manifest: Pick<Manifest, 'classes' | 'output' | 'calibration'>,
): Probabilities {
  const { output, calibration, classes } = manifest;
  if (logits.length !== output.classes.length || !logits.every(Number.isFinite)) {
    throw new SpectaError(
      'ENGINE_FAILED',
      `The network gave ${logits.length} values (${[...logits].join(', ')}); ${output.classes.length} finite ones were expected.`,
      'The model or its provider is faulty: go back to the bundle before, or use provider cpu.',
    );
  }
  const scaled = Array.from(logits, (logit) => logit / calibration.temperature);
  const values = output.kind === 'softmax' ? softmax(scaled) : scaled.map(sigmoid);
  const byOutput = new Map<ClassName, number>(output.classes.map((name, index) => [name, values[index]]));
  const soundness = values.reduce((product, value) => product * (1 - value), 1);
  const probabilities: Partial<Record<ClassName, number>> = {};
  for (const name of classes) {
    const value = byOutput.get(name);
    if (value !== undefined) probabilities[name] = value;
    else if (output.kind === 'sigmoid' && name === 'intact') probabilities.intact = soundness;
  }
  return probabilities;
}

/** A defect whose own probability passes its own threshold. */
export interface Detection {
  readonly defect: DefectClass;
  readonly probability: number;
}

/** Of two detections the more urgent one names the frame: a crack in rust is a crack. */
const URGENCY: readonly DefectClass[] = ['crack', 'corrosion'];

/** Every defect at or above its own `on`, the most urgent first. Each stands for itself: one verdict can be two. */
export function detectionsOf(probabilities: Probabilities, manifest: Pick<Manifest, 'defects'>): Detection[] {
  return URGENCY.flatMap((defect) => {
    const probability = probabilities[defect];
    const rule = manifest.defects[defect];
    return probability !== undefined && rule !== undefined && probability >= rule.on
      ? [{ defect, probability }]
      : [];
  });
}

/**
 * The frame in one word: the most urgent detection, else `intact` where the model knows it and is sure enough,
 * else `unsure`.
 */
export function labelOf(
  probabilities: Probabilities,
  manifest: Pick<Manifest, 'defects' | 'intactThreshold'>,
): Label {
  const [first] = detectionsOf(probabilities, manifest);
  if (first) return first.defect;
  const { intact } = probabilities;
  const { intactThreshold } = manifest;
  return intact !== undefined && intactThreshold !== null && intact >= intactThreshold ? 'intact' : 'unsure';
}
