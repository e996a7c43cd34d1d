import { ModelStore, type ModelStoreOptions } from '../../src/model/model-store.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { SpectaError } from '../../src/platform/errors.ts';
import { type FileSystem, filesOver } from '../../src/platform/files.ts';
import { archiveOfBundle, RUNTIME, smallBundle, testKey } from '../fixtures/small-bundle.ts';
import { VolatileDisk } from './volatile-disk.ts';

/** The key that the vehicle trusts, its successor, and one that nobody trusts. */
export const VENDOR = testKey();
export const NEXT_VENDOR = testKey();
export const STRANGER = testKey();

/** What serves on the vehicle before it is attacked. */
export const GOOD = smallBundle('1.0.0');
/** The same model from the wharf: what came with SPECTA. */
export const SHIPPED = smallBundle('0.9.0');

const MODELS = '/state/models';

/** What became of one attack. */
export interface Outcome {
  /** The code of the refusal; null when the bundle was taken. */
  readonly code: string | null;
  readonly message: string;
  /** What is not as it must be after a refusal, or after anything; empty when all is well. */
  readonly harm: readonly string[];
  /** Bytes read of the attacker's file, and the most asked for at once. */
  readonly read: number;
  readonly largestRead: number;
  /** Bytes that the attempt wrote to the disk. */
  readonly written: number;
}

/** A vehicle in memory with a good bundle that serves, and a hostile stick in its port. */
export class Vehicle {
  readonly disk = new VolatileDisk();
  readonly clock = new ManualClock();
  readonly fs: FileSystem;
  readonly store: ModelStore;
  private read = 0;
  private largestRead = 0;

  private constructor(options: Partial<ModelStoreOptions>) {
    this.fs = this.watched(filesOver(this.disk.calls));
    this.store = this.storeWith(options);
  }

  static async ready(options: Partial<ModelStoreOptions> = {}): Promise<Vehicle> {
    const vehicle = new Vehicle(options);
    for (const folder of ['/state/record', '/stick', '/etc']) await vehicle.fs.mkdir(folder);
    for (const file of ['/state/record/black-box', '/etc/passwd', '/model.onnx'])
      await vehicle.fs.writeFile(file, new Uint8Array([1, 2, 3]));
    await vehicle.fs.writeFile('/stick/good', archiveOfBundle(GOOD, VENDOR));
    await vehicle.store.install('/stick/good');
    await vehicle.store.activate('small@1.0.0');
    return vehicle;
  }

  /** The same vehicle with other rules. */
  storeWith(options: Partial<ModelStoreOptions>): ModelStore {
    return new ModelStore({
      folder: MODELS,
      fs: this.fs,
      clock: this.clock,
      trust: { keys: [VENDOR.trusted], allowUnsigned: false },
      runtime: RUNTIME,
      shipped: SHIPPED.id,
      patienceMs: 0,
      ...options,
    });
  }

  /** Installs what an attacker gave, and looks at what it did. */
  async attack(archive: Uint8Array): Promise<Outcome> {
    await this.fs.writeFile('/stick/gift', archive);
    return this.attempt(() => this.store.install('/stick/gift'));
  }

  /** Does something hostile, and looks at what it did. */
  async attempt(act: () => Promise<unknown>): Promise<Outcome> {
    this.read = 0;
    this.largestRead = 0;
    const before = this.disk.paths();
    const written = this.disk.bytesWritten;
    let refusal: SpectaError | null = null;
    try {
      await act();
    } catch (error) {
      if (!(error instanceof SpectaError)) throw error;
      refusal = error;
    }
    return {
      code: refusal?.code ?? null,
      message: refusal?.message ?? '',
      harm: await this.harm(before, refusal !== null),
      read: this.read,
      largestRead: this.largestRead,
      written: this.disk.bytesWritten - written,
    };
  }

  private async harm(before: readonly string[], refused: boolean): Promise<string[]> {
    const harm: string[] = [];
    const after = this.disk.paths();
    const known = new Set(before);
    const fresh = after.filter((path) => !known.has(path));
    if (after.length < before.length) harm.push('something was removed');
    for (const path of fresh) {
      if (refused) harm.push(`${path} was left behind`);
      else if (!path.startsWith(`${MODELS}/bundles/`)) harm.push(`${path} was written outside`);
    }
    const slots = await this.store.slots();
    if (slots.current.kind !== 'installed' || slots.current.digest !== GOOD.id.digest)
      harm.push('another bundle is current');
    for (const { id, fault } of await this.store.list(refused === false)) {
      if (fault !== null) harm.push(`${id.name}@${id.version} is installed and not whole: ${fault.message}`);
    }
    return harm;
  }

  private watched(fs: FileSystem): FileSystem {
    return {
      ...fs,
      openFile: async (path) => {
        const file = await fs.openFile(path);
        if (!path.startsWith('/stick/')) return file;
        return {
          ...file,
          read: async (into) => {
            const got = await file.read(into);
            this.read += got;
            this.largestRead = Math.max(this.largestRead, into.byteLength);
            return got;
          },
        };
      },
    };
  }
}
