import { nodeFiles } from '../platform/files.ts';
import { CheckpointFile, fingerprintOf } from './checkpoint.ts';
import type { Network } from './network.ts';
import type { Sample } from './samples.ts';
import type { CheckpointOptions, FitOptions } from './trainer.ts';

/**
 * The checkpoint of a training, with the fingerprint of everything that decides how it goes: one of another training is
 * then refused.
 */
export function checkpointOf(
  { file }: CheckpointOptions,
  network: Network,
  training: readonly Sample[],
  validation: readonly Sample[],
  options: FitOptions,
): CheckpointFile {
  const { epochs, batch, microBatch, learningRate, patience, rules, augment, classWeights, seed } = options;
  const trainable = options.trainable && [...options.trainable];
  const factsOf = ({ name, defects, boxes }: Sample) => ({ name, defects: [...defects], boxes });
  const facts = {
    network,
    options: {
      ...{ epochs, batch, microBatch, learningRate, patience, rules, augment, classWeights, seed },
      ...(trainable && { trainable }),
      ...(options.average !== undefined && { average: options.average }),
    },
    training: training.map(factsOf),
    validation: validation.map(factsOf),
  };
  const pixels = [...training, ...validation].flatMap(({ luma, chroma }) =>
    chroma ? [luma, chroma] : [luma],
  );
  const start = [...(options.startFrom?.values() ?? [])].map(
    ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
  );
  return new CheckpointFile(nodeFiles, file, fingerprintOf(facts, [...pixels, ...start]));
}
