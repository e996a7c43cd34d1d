import type { Manifest } from '../domain/manifest.ts';
import { DEFECT_CLASSES } from '../domain/verdict.ts';
import { wholeSize } from '../vision/tiles.ts';
import { AUGMENT_DEFAULTS, type AugmentOptions } from './augment.ts';
import { KNOWN_SOURCES } from './known-sources.ts';
import { type Network, parameterCount } from './network.ts';
import { type EvaluationReport, reportLines } from './report.ts';
import { CLASS_ORDER, mainClass, type Sample } from './samples.ts';
import type { Split } from './split.ts';
import type { ClassWeights } from './targets.ts';
import type { ChosenThreshold } from './thresholds.ts';
import type { FitEpoch } from './trainer.ts';

/**
 * Where a temperature or thresholds come from: `named`, as left-out sources asked for; `kept` from the bundle that was
 * gone on from; `chosen` on the validation side.
 */
export type ChosenBy = 'named' | 'kept' | 'chosen';

export interface ModelCardFacts {
  readonly manifest: Omit<Manifest, 'files' | 'golden'>;
  readonly network: Network;
  readonly split: Split;
  readonly epochs: readonly FitEpoch[];
  readonly thresholds: Readonly<Record<string, ChosenThreshold>>;
  readonly report: EvaluationReport;
  readonly temperatureFrom: ChosenBy;
  readonly thresholdsFrom: ChosenBy;
  /** Factors on top of the weights that even the classes out. */
  readonly classWeights?: ClassWeights;
  /** `AUGMENT_DEFAULTS` where absent. */
  readonly augment?: AugmentOptions;
}

/** The text of `MODEL_CARD.md`: what the model is, what it was trained and measured on, what it cannot do. */
export function modelCard(facts: ModelCardFacts): string {
  const { manifest, network, split, epochs, thresholds, report } = facts;
  const best = epochs.findLast((epoch) => epoch.best);
  const everything = [...split.training, ...split.validation, ...split.heldOut];
  const footage = everything.some(({ source }) => source === 'footage');
  const drawn = everything.some(({ rendered }) => rendered);
  return `# ${manifest.name} ${manifest.version}

A screening aid: it marks frames for a person to look at. It does not replace an inspection.

## What it is
Network \`${network.name}\`, ${parameterCount(network).toLocaleString('en')} parameters, one ${manifest.input.channels === 3 ? 'coloured' : 'grey'} picture of ${manifest.input.width}x${manifest.input.height} pixels, outputs ${manifest.output.classes.join(', ')} (${manifest.output.kind}). ${tileWords(manifest)}Preprocessing: ${manifest.preprocessing.clahe ? 'local contrast evened out (CLAHE), ' : ''}${manifest.preprocessing.normalisation === 'standard' ? 'each picture brought to mean 0 and deviation 1' : 'luma scaled to 0..1'}.
${manifest.output.kind === 'sigmoid' ? 'Each defect has its own probability, so a crack in rust can be both; `intact` is the product of "not this defect" over the defects.\n' : ''}${calibrationWords(manifest.calibration.temperature, facts.temperatureFrom)}

## What it was trained on
${manifest.provenance.trainer}, seed ${manifest.provenance.seed}; ${best ? `the weights are those of epoch ${best.epoch}, the best on the validation side` : 'no epoch did better on the validation side than the weights it started from, which are kept'}.
${augmentationWords(facts.augment)} ${weightWords(facts.classWeights)}

| class | training | validation | held out |
|---|---|---|---|
${CLASS_ORDER.map((name) => `| ${name} | ${[split.training, split.validation, split.heldOut].map((side) => countOf(side, name)).join(' | ')} |`).join('\n')}

| source | pictures | what | licence |
|---|---|---|---|
${sourceRows(everything).join('\n')}

Every photo, texture or rendered run is on one side of the split only. ${manifest.provenance.heldOutGroups.length} groups were held out; \`manifest.json\` names them.

## What was measured
On the ${report.count} held-out pictures, printed by the training command:

\`\`\`
${reportLines(report).join('\n')}
\`\`\`

${comparison(report)}

${THRESHOLD_WORDS[facts.thresholdsFrom]}

| defect | on | off | false alerts | recall |
|---|---|---|---|---|
${DEFECT_CLASSES.map((name) => thresholdRow(name, thresholds[name])).join('\n')}

## What it cannot do
- **No picture of a real subsea pipe was used, neither for training nor for measuring.** Nothing is claimed about how it does under water.
- Held-out pictures come from the same collections as the training pictures. On other collections this kind of network does far worse: probes with the same design recalled about half of each class there. Take the figures above as an upper bound.
- In the training pictures corrosion is on metal and cracks are in plaster or concrete; the network may tell the material rather than the defect.
- Corrosion was learnt from few photos and textures; other rust, other light and other paint may be missed.
${footage ? "- Rendered frames come from SPECTA's own renderer. The demonstration shows frames of the same kind (another seed): that defects are found there shows that the software works, not that they would be found on a pipe.\n" : ''}${drawn ? '- Cracks and rust drawn onto grounds were learnt from, never measured on: they add kinds of ground, not kinds of defect.\n' : ''}- ${fineWords(manifest)}

Add footage of your own pipes, labelled by your own inspectors, and train again before you rely on it.
`;
}

function tileWords({ tiles }: Pick<Manifest, 'tiles'>): string {
  if (tiles === undefined) return '';
  return `Frames are cut into ${tiles} tiles; a defect is as probable in a frame as in the tile where it is most probable. Thresholds and figures below are those of single pictures: with so many chances a frame, false alerts are more frequent. `;
}

function fineWords({ tiles, input }: Pick<Manifest, 'tiles' | 'input'>): string {
  const { width, height } = wholeSize({ ...(tiles !== undefined && { tiles }), input });
  return `A fine crack in a wide frame shrinks to less than a pixel at ${width}x${height}.`;
}

const THRESHOLD_WORDS: Readonly<Record<ChosenBy, string>> = {
  named: 'Thresholds are those that suited pictures of left-out sources; on the validation side they give:',
  kept: 'Thresholds are those of the bundle that was gone on from; on the validation side they give:',
  chosen: 'Thresholds were chosen on the validation side:',
};

const TEMPERATURE_WORDS: Readonly<Record<ChosenBy, string>> = {
  named: 'the temperature that suited pictures of left-out sources',
  kept: 'the temperature of the bundle that was gone on from',
  chosen: 'the temperature at which the truth of the validation side is most probable',
};

function weightWords(weights: ClassWeights = {}): string {
  const factors = CLASS_ORDER.flatMap((name) =>
    weights[name] === undefined ? [] : [`${name} ${weights[name]} times`],
  );
  return `Classes weighted evenly${factors.length > 0 ? `, then ${factors.join(', ')}` : ''}.`;
}

function calibrationWords(temperature: number, from: ChosenBy): string {
  const fitted =
    temperature === 1
      ? 'Logits are taken as they are (temperature 1)'
      : `Logits are divided by ${temperature}, ${TEMPERATURE_WORDS[from]}`;
  return `${fitted}; on pictures of other kinds read probabilities as an order, not as a chance.`;
}

function augmentationWords(augment: AugmentOptions = AUGMENT_DEFAULTS): string {
  const turned = augment.stillTurn || augment.quarterTurns ? ', turns' : '';
  const water = augment.water
    ? ` ${Math.round(100 * augment.water.probability)} % of the pictures under water: light lost by colour, distance and depth, backscatter, blur, particles.`
    : '';
  return `Augmentation: crops${turned}, mirror images, gamma, brightness, contrast, mild blur, noise.${water}`;
}

function comparison(report: EvaluationReport): string {
  const { network, baseline } = report.balancedRecall;
  if (network === null || baseline === null) return 'The held-out pictures do not allow a comparison.';
  const gap = Math.abs(network - baseline).toFixed(3);
  if (network > baseline) return `In balanced recall the network is ${gap} above the shortcut baseline.`;
  return `**In balanced recall the network is ${gap} below the shortcut baseline**, which always decides for a class, while the network stays \`unsure\` below its thresholds.`;
}

function countOf(samples: readonly Sample[], name: string): number {
  return samples.filter((sample) => mainClass(sample) === name).length;
}

function sourceRows(samples: readonly Sample[]): string[] {
  const counts = new Map<string, number>();
  for (const { source } of samples) counts.set(source, (counts.get(source) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([source, count]) => {
      const known = KNOWN_SOURCES[source] ?? { what: 'not described', licence: 'not stated' };
      return `| ${source} | ${count} | ${known.what} | ${known.licence} |`;
    });
}

function thresholdRow(name: string, chosen: ChosenThreshold | undefined): string {
  if (!chosen) return `| ${name} | - | - | - | - |`;
  const { on, off, falseAlertRate, recall } = chosen;
  return `| ${name} | ${on} | ${off} | ${(falseAlertRate * 100).toFixed(1)} % | ${(recall * 100).toFixed(1)} % |`;
}
