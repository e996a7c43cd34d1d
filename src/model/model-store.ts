import { join } from 'node:path';
import type { Clock } from '../platform/clock.ts';
import { SpectaError } from '../platform/errors.ts';
import type { FileSystem } from '../platform/files.ts';
import { type Allowances, type BundleId, checkRuntime, checkSuccession, type Runtime } from './admission.ts';
import { readManifestBytes } from './bundle.ts';
import { BundleShelf, type Placed } from './bundle-shelf.ts';
import { checkSignature, type IncomingOptions, type Trust, withIncoming } from './incoming.ts';
import { type InstalledBundle, lookAtInstalled, signerOfInstalled } from './installed-bundle.ts';
import { LoadCounts } from './load-counts.ts';
import { ModelsTurn } from './models-turn.ts';
import * as transitions from './slots.ts';
import { neededBy, type Slots } from './slots.ts';
import { readSlots, setSlotsAside, writeSlots } from './slots-file.ts';

/** Where and under which rules bundles are kept. */
export interface ModelStoreOptions {
  /** `models` in the state folder. */
  readonly folder: string;
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly trust: Trust;
  readonly runtime: Runtime;
  /** The bundle that came with SPECTA: nothing older than it is taken. */
  readonly shipped: BundleId | null;
  /** How long to wait while another process changes the slots, ms. Default 10 s. */
  readonly patienceMs?: number;
}

/**
 * The bundles and slots of a vehicle, on disk. Every change holds a lock, so that two processes cannot interleave, and
 * is such that power may go at any instant: what serves is then whole, and the old or the new one.
 */
export class ModelStore {
  readonly shelf: BundleShelf;
  readonly loads: LoadCounts;
  private readonly options: ModelStoreOptions;
  private readonly fs: FileSystem;
  private readonly folder: string;
  private readonly turn: ModelsTurn;

  constructor(options: ModelStoreOptions) {
    this.options = options;
    this.fs = options.fs;
    this.folder = options.folder;
    this.shelf = new BundleShelf(options.fs, join(options.folder, 'bundles'));
    this.loads = new LoadCounts(options.fs, options.folder);
    this.turn = new ModelsTurn(options, this.shelf);
  }

  /** Whether bundles that nobody signed are taken. */
  get allowsUnsigned(): boolean {
    return this.options.trust.allowUnsigned;
  }

  /** The slots as they are; no lock is needed, because they change in one step. Throws `SLOTS_CORRUPT`. */
  slots(): Promise<Slots> {
    return readSlots(this.fs, this.folder);
  }

  /**
   * A daemon starts: a trial that another boot left unconfirmed ends, and what was on its way when the power went is
   * removed. Slots that cannot be read are set aside and begun anew. While another process is at work nothing is
   * written, and the slots are given as they will be.
   */
  async recover(boot: string): Promise<{ readonly slots: Slots; readonly damage: SpectaError | null }> {
    try {
      return await this.turn.take(async () => {
        const { slots: found, damage } = await this.readOrSetAside();
        const slots = transitions.atStart(found, boot, this.utcMs());
        if (slots !== found) await writeSlots(this.fs, this.folder, slots);
        return { slots, damage };
      });
    } catch (error) {
      if (!(error instanceof SpectaError) || error.code !== 'SLOTS_BUSY') throw error;
      return { slots: transitions.atStart(await this.slots(), boot, this.utcMs()), damage: null };
    }
  }

  /**
   * Verifies a `.spectamodel` and brings it aboard; which model serves does not change. Refused before anything is
   * written: what is not signed, does not fit this vehicle, or whose version does not rise.
   */
  async install(
    path: string,
    allow: Allowances = {},
    reading: Pick<IncomingOptions, 'limits' | 'signal' | 'onProgress'> = {},
  ): Promise<{ readonly id: BundleId; readonly placed: Placed; readonly signedBy: string | null }> {
    const { clock, trust, runtime } = this.options;
    return this.turn.take(async () => {
      const slots = await this.slots();
      return withIncoming(path, { fs: this.fs, clock, trust, ...reading }, async (incoming) => {
        const { manifest, digest, signedBy } = incoming;
        const id = { name: manifest.name, version: manifest.version, digest };
        checkRuntime(manifest, runtime);
        checkSuccession(id, this.served(slots), allow);
        return { id, placed: await this.shelf.place(id, incoming), signedBy };
      });
    });
  }

  /** Puts an installed bundle on trial: the running daemon proves it beside the one that serves, then switches. */
  requestTrial(reference: string, allow: Allowances = {}): Promise<Slots> {
    return this.change(async (slots) => {
      const id = await this.admitted(reference, slots, allow);
      return transitions.requestTrial(slots, id, this.utcMs());
    });
  }

  /** The daemon of this boot begins the trial that waits. */
  beginTrial(boot: string): Promise<Slots> {
    return this.change((slots) => transitions.beginTrial(slots, boot));
  }

  /** The trial that this boot began is passed: its bundle is current. Refused unless it is still whole. */
  confirmTrial(boot: string): Promise<Slots> {
    return this.change(async (slots) => {
      const confirmed = transitions.confirmTrial(slots, boot, this.utcMs());
      if (slots.trial !== null) {
        await this.shelf.open(slots.trial.bundle);
        await this.loads.forget(slots.trial.bundle.digest);
      }
      return confirmed;
    });
  }

  /**
   * Ends the trial, whatever its phase; what served goes on.
   *
   * @param boot when given: only a trial that this boot began
   */
  endTrial(reason: string, boot?: string): Promise<Slots> {
    return this.change((slots) => {
      const { trial } = slots;
      const isOurs = boot === undefined || (trial?.phase.kind === 'begun' && trial.phase.boot === boot);
      return isOurs ? transitions.endTrial(slots, reason, this.utcMs()) : slots;
    });
  }

  /** As `signerOfInstalled`. */
  signerOf(id: BundleId): Promise<string | null> {
    return signerOfInstalled(id, { shelf: this.shelf, fs: this.fs, trust: this.options.trust });
  }

  /** Switches to an installed bundle without a trial; the next start serves it. */
  activate(reference: string, allow: Allowances = {}): Promise<Slots> {
    return this.change(async (slots) => {
      const id = await this.admitted(reference, slots, allow);
      const activated = transitions.activate(slots, id, this.utcMs());
      await this.loads.forget(id.digest);
      return activated;
    });
  }

  /** Ends a trial, or brings back what served before. Refused when that is not whole. */
  rollback(): Promise<Slots> {
    return this.change(async (slots) => {
      const back = transitions.rollback(slots, this.utcMs());
      if (slots.trial === null && back.current.kind === 'installed') {
        await this.shelf.open(back.current);
        await this.loads.forget(back.current.digest);
      }
      return back;
    });
  }

  /** Removes one bundle. Throws `BUNDLE_IN_USE` for one that a slot points to. */
  async remove(reference: string): Promise<BundleId> {
    return this.turn.take(async () => {
      const id = await this.shelf.find(reference);
      if (neededBy(await this.slots()).some(({ digest }) => digest === id.digest)) {
        throw new SpectaError(
          'BUNDLE_IN_USE',
          `${id.name}@${id.version} is in a slot: it serves, or may have to.`,
          'Activate another one first; `specta model list` shows the slots.',
        );
      }
      await this.shelf.remove(id);
      return id;
    });
  }

  /** Removes every bundle that no slot points to. */
  async gc(): Promise<BundleId[]> {
    return this.turn.take(async () => {
      const needed = new Set(neededBy(await this.slots()).map(({ digest }) => digest));
      const removable = (await this.shelf.list()).filter(({ digest }) => !needed.has(digest));
      for (const id of removable) await this.shelf.remove(id);
      return removable;
    });
  }

  /** Every installed bundle. @param whole true: each is read and verified, which takes its time */
  async list(whole = false): Promise<InstalledBundle[]> {
    const slots = await this.slots();
    const ids = await this.shelf.list();
    const { trust } = this.options;
    return Promise.all(
      ids.map((id) => lookAtInstalled(id, slots, { shelf: this.shelf, fs: this.fs, trust, whole })),
    );
  }

  /** An installed bundle that may serve: whole, signed by a key that is trusted today, fit, and no step back. */
  private async admitted(reference: string, slots: Slots, allow: Allowances): Promise<BundleId> {
    const id = await this.shelf.find(reference);
    const { manifest, folder } = await this.shelf.open(id);
    const { trust, runtime } = this.options;
    checkSignature(await readManifestBytes(folder, this.fs), await this.shelf.signature(id), trust);
    checkRuntime(manifest, runtime);
    checkSuccession(id, this.served(slots), allow);
    return id;
  }

  private served({ served }: Slots): BundleId[] {
    const { shipped } = this.options;
    return shipped === null ? [...served] : [...served, shipped];
  }

  private change(next: (slots: Slots) => Slots | Promise<Slots>): Promise<Slots> {
    return this.turn.take(async () => {
      const slots = await next(await this.slots());
      await writeSlots(this.fs, this.folder, slots);
      return slots;
    });
  }

  private async readOrSetAside(): Promise<{ readonly slots: Slots; readonly damage: SpectaError | null }> {
    try {
      return { slots: await this.slots(), damage: null };
    } catch (error) {
      if (!(error instanceof SpectaError) || error.code !== 'SLOTS_CORRUPT') throw error;
      await setSlotsAside(this.fs, this.folder);
      return { slots: transitions.FIRST_SLOTS, damage: error };
    }
  }

  private utcMs(): number {
    return this.options.clock.now().utcMs;
  }
}
