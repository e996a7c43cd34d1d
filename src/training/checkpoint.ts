import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { SpectaError } from '../platform/errors.ts';
import { type FileSystem, writeDurably } from '../platform/files.ts';
import type { Parameters } from './parameters.ts';
import type { FitEpoch } from './trainer.ts';

/** Where a training stands between two steps; with the tensors all that is needed to go on. */
export interface FitProgress {
  /** Under way; counts from 1. */
  readonly epoch: number;
  /** Steps done in it. */
  readonly step: number;
  /** Of the epoch so far. */
  readonly lossSum: number;
  readonly right: number;
  readonly adamSteps: number;
  /** Lowest validation loss so far; null while there is none. */
  readonly bestLoss: number | null;
  readonly epochs: readonly FitEpoch[];
}

export interface Checkpoint {
  readonly progress: FitProgress;
  /**
   * Sets of tensors by what they are: `parameters`, `best`, Adam's `first` and `second` moments, and the running mean of the
   * parameters, empty where none is kept.
   */
  readonly sets: Readonly<Record<TensorSet, Parameters>>;
}

const SETS = ['parameters', 'best', 'first', 'second', 'average'] as const;
type TensorSet = (typeof SETS)[number];

/** Begins every checkpoint; the number is that of the format. */
const MAGIC = 'SPECTA checkpoint 2\n';
const DIGEST_BYTES = 32;

interface Header {
  readonly fingerprint: string;
  readonly progress: FitProgress;
  readonly tensors: readonly { readonly set: TensorSet; readonly name: string; readonly length: number }[];
}

/**
 * One file that holds a training's state: a header line, the tensors (little-endian float32), a SHA-256 of all.
 * Written durably: after a crash at any instant the file is the old state or the new one.
 */
export class CheckpointFile {
  private readonly fs: FileSystem;
  private readonly path: string;
  private readonly fingerprint: string;

  /** @param fingerprint of everything that decides how the training goes; see {@link fingerprintOf} */
  constructor(fs: FileSystem, path: string, fingerprint: string) {
    this.fs = fs;
    this.path = resolve(path);
    this.fingerprint = fingerprint;
  }

  /** Errors as `FileSystem`. */
  async write({ progress, sets }: Checkpoint): Promise<void> {
    const all = SETS.flatMap((set) => [...sets[set]].map(([name, values]) => ({ set, name, values })));
    const tensors = all.map(({ set, name, values }) => ({ set, name, length: values.length }));
    const header: Header = { fingerprint: this.fingerprint, progress, tensors };
    const parts = [
      Buffer.from(`${MAGIC}${JSON.stringify(header)}\n`),
      ...all.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength)),
    ];
    const whole = Buffer.concat(parts);
    const digest = createHash('sha256').update(whole).digest();
    await this.fs.mkdir(dirname(this.path));
    await writeDurably(this.fs, this.path, Buffer.concat([whole, digest]));
  }

  /** The state to go on from; null where there is no file. Throws `DATA_INVALID` for one of another training. */
  async read(): Promise<Checkpoint | null> {
    if ((await this.fs.stat(this.path)) === null) return null;
    const file = Buffer.from(await this.fs.readFile(this.path));
    const whole = file.subarray(0, Math.max(0, file.length - DIGEST_BYTES));
    const digest = file.subarray(whole.length);
    if (!whole.toString('latin1', 0, MAGIC.length).startsWith(MAGIC)) throw this.unusable('is no checkpoint');
    if (!createHash('sha256').update(whole).digest().equals(digest)) throw this.unusable('is damaged');
    const headerEnd = whole.indexOf(0x0a, MAGIC.length);
    const header: Header = JSON.parse(whole.toString('utf8', MAGIC.length, headerEnd));
    if (header.fingerprint !== this.fingerprint) {
      throw this.unusable('is of another training: its pictures, network or options differ');
    }
    const floats = Float32Array.from({ length: (whole.length - headerEnd - 1) / 4 }, (_, i) =>
      whole.readFloatLE(headerEnd + 1 + 4 * i),
    );
    const tensors = (): Map<string, Float32Array<ArrayBuffer>> => new Map();
    const sets = {
      parameters: tensors(),
      best: tensors(),
      first: tensors(),
      second: tensors(),
      average: tensors(),
    };
    let start = 0;
    for (const { set, name, length } of header.tensors) {
      sets[set].set(name, floats.slice(start, start + length));
      start += length;
    }
    const { progress } = header;
    return { progress: { ...progress, epochs: progress.epochs.map(readEpoch) }, sets };
  }

  /** Idempotent. */
  async remove(): Promise<void> {
    await this.fs.remove(this.path);
  }

  private unusable(why: string): SpectaError {
    return new SpectaError(
      'DATA_INVALID',
      `${this.path} ${why}`,
      'Give the options and data of the training that was cut off, or remove the file to begin anew.',
    );
  }
}

/** JSON has no NaN, which a training without a validation side has. */
function readEpoch(epoch: FitEpoch): FitEpoch {
  const { validationLoss, validationAccuracy } = epoch as { [Key in keyof FitEpoch]: FitEpoch[Key] | null };
  return {
    ...epoch,
    validationLoss: validationLoss ?? Number.NaN,
    validationAccuracy: validationAccuracy ?? Number.NaN,
  };
}

/** A digest of values and tensors, to tell one training from another. */
export function fingerprintOf(facts: unknown, tensors: Iterable<Uint8Array>): string {
  const hash = createHash('sha256').update(JSON.stringify(facts));
  for (const tensor of tensors) hash.update(tensor);
  return hash.digest('hex');
}
