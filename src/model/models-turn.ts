import { dirname, join } from 'node:path';
import type { Clock } from '../platform/clock.ts';
import { SpectaError } from '../platform/errors.ts';
import { type FileLock, type FileSystem, isTemporary } from '../platform/files.ts';
import type { BundleShelf } from './bundle-shelf.ts';

const RETRY_MS = 100;
const PATIENCE_MS = 10_000;

interface Options {
  /** `models` in the state folder. */
  readonly folder: string;
  readonly fs: FileSystem;
  readonly clock: Clock;
  /** How long to wait for another process, ms. */
  readonly patienceMs?: number;
}

/** The turn of who changes the models of a vehicle: one process at a time, each from a disk in order. */
export class ModelsTurn {
  private readonly options: Options;
  private readonly shelf: BundleShelf;

  constructor(options: Options, shelf: BundleShelf) {
    this.options = options;
    this.shelf = shelf;
  }

  /** Does `work` while nobody else changes anything. Throws `SLOTS_BUSY`, and what `work` throws. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    const { fs, folder } = this.options;
    const bundles = join(folder, 'bundles');
    await fs.mkdir(bundles);
    const lock = await this.lock();
    try {
      // A process may have died between a rename and its sync. What is decided on now must not go back by itself later.
      for (const each of [dirname(folder), folder, bundles]) await fs.syncFolder(each);
      await this.sweep();
      return await work();
    } finally {
      await lock.release();
    }
  }

  private async lock(): Promise<FileLock> {
    const { fs, clock, folder, patienceMs = PATIENCE_MS } = this.options;
    const endMs = clock.now().monoMs + patienceMs;
    for (;;) {
      const lock = await fs.lock(join(folder, 'lock'));
      if (lock !== null) return lock;
      if (clock.now().monoMs >= endMs) {
        throw new SpectaError(
          'SLOTS_BUSY',
          `Another process changes the models in ${folder}.`,
          'Wait until it is done, then try again.',
        );
      }
      await clock.sleep(RETRY_MS);
    }
  }

  /** Removes what was on its way when its process or the power ended. */
  private async sweep(): Promise<void> {
    const { fs, folder } = this.options;
    await this.shelf.sweep();
    for (const name of await fs.list(folder)) if (isTemporary(name)) await fs.remove(join(folder, name));
  }
}
