import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Bundle } from '../domain/manifest.ts';
import { SpectaError, systemCode } from '../platform/errors.ts';
import type { FileSystem } from '../platform/files.ts';
import type { BundleId } from './admission.ts';
import { openBundle } from './bundle.ts';
import { SIGNATURE } from './bundle-limits.ts';
import { compareVersions } from './bundle-versions.ts';
import type { IncomingBundle } from './incoming.ts';
import { SIGNATURE_BYTES } from './signature.ts';
import { checkRoom, unpack } from './unpack.ts';

const PLACE = /^([a-z0-9][a-z0-9.-]*)@(\d+\.\d+\.\d+)@([0-9a-f]{64})$/;

/** What an installation did. */
export type Placed = 'installed' | 'already there' | 'repaired' | 'signed anew';

/**
 * The installed bundles, beside each other, each in a folder named by what it is and never changed. Names that begin
 * with a dot are on their way in or out. Whoever changes it holds the lock of the models folder.
 */
export class BundleShelf {
  private readonly fs: FileSystem;
  private readonly folder: string;

  /** @param folder of the bundles; need not exist for reading */
  constructor(fs: FileSystem, folder: string) {
    this.fs = fs;
    this.folder = folder;
  }

  folderOf({ name, version, digest }: BundleId): string {
    return join(this.folder, `${name}@${version}@${digest}`);
  }

  /** What stands there by its names, highest versions last; whether it is whole, only {@link open} tells. */
  async list(): Promise<BundleId[]> {
    const ids: BundleId[] = [];
    for (const entry of await this.fs.list(this.folder)) {
      const [, name, version, digest] = PLACE.exec(entry) ?? [];
      if (name !== undefined) ids.push({ name, version, digest });
    }
    return ids.sort((a, b) => a.name.localeCompare(b.name) || compareVersions(a.version, b.version));
  }

  /**
   * The one bundle that a person named: `name@version`, `name@version@` and the beginning of its digest, or `name` for
   * its highest version. Throws `BUNDLE_MISSING`, `USAGE` when there are several.
   */
  async find(reference: string): Promise<BundleId> {
    const [name, version, digest = ''] = reference.split('@');
    const all = await this.list();
    const named = all.filter((id) => id.name === name);
    const wanted = version ?? named.at(-1)?.version;
    const found = named.filter((id) => id.version === wanted && id.digest.startsWith(digest));
    const [only, other] = found;
    const words = (ids: readonly BundleId[]): string =>
      ids.map((id) => `${id.name}@${id.version}@${id.digest.slice(0, 12)}`).join(', ');
    if (only === undefined) {
      throw new SpectaError(
        'BUNDLE_MISSING',
        `No bundle ${reference} is installed. There is: ${words(all) || 'none'}.`,
        'Name one of these, or install it with `specta model install FILE`.',
      );
    }
    if (other !== undefined) {
      throw new SpectaError(
        'USAGE',
        `${reference} may be any of ${words(found)}.`,
        'Name one of these in full.',
      );
    }
    return only;
  }

  /** Opens an installed bundle and verifies it whole. Throws as `openBundle`, and `BUNDLE_FILE_ALTERED` for another one in its place. */
  async open(id: BundleId): Promise<Bundle> {
    const bundle = await openBundle(this.folderOf(id), this.fs);
    if (bundle.digest === id.digest) return bundle;
    throw new SpectaError(
      'BUNDLE_FILE_ALTERED',
      `In the place of ${id.name}@${id.version} stands a bundle with digest ${bundle.digest}, not ${id.digest}.`,
      'Install it again.',
    );
  }

  /** The signature's bytes; null for a bundle that nobody signed. */
  async signature(id: BundleId): Promise<Uint8Array | null> {
    const path = join(this.folderOf(id), SIGNATURE);
    const found = await this.fs.lstat(path);
    if (found === null) return null;
    // What is no signature must not pass for an unsigned bundle.
    return found.kind === 'file' && found.bytes === SIGNATURE_BYTES
      ? this.fs.readFile(path)
      : new Uint8Array(0);
  }

  /** Brings a verified bundle into its place: whole, and durable, or not at all. */
  async place(id: BundleId, incoming: IncomingBundle): Promise<Placed> {
    const target = this.folderOf(id);
    const stands = (await this.fs.lstat(target)) !== null;
    if (stands && (await this.isWhole(id))) return this.signAnew(id, incoming);
    await checkRoom(this.fs, this.folder, incoming);
    const temporary = this.hidden('incoming');
    try {
      await unpack(this.fs, incoming, temporary);
      if (stands) await this.fs.rename(target, this.hidden('removed'));
      await this.fs.rename(temporary, target);
    } catch (error) {
      // The first failure is the one to tell; what cannot go now is swept later.
      await this.fs.remove(temporary).catch(() => undefined);
      throw error;
    }
    await this.fs.syncFolder(this.folder);
    if (!stands) return 'installed';
    await this.sweep();
    return 'repaired';
  }

  /** Takes a bundle away. It leaves its place in one step: no half of it is ever taken for a bundle. */
  async remove(id: BundleId): Promise<void> {
    const hidden = this.hidden('removed');
    await this.fs.rename(this.folderOf(id), hidden);
    await this.fs.syncFolder(this.folder);
    await this.fs.remove(hidden);
  }

  /** Removes what was on its way when its process or the power ended. */
  async sweep(): Promise<void> {
    for (const name of await this.fs.list(this.folder))
      if (name.startsWith('.')) await this.fs.remove(join(this.folder, name));
  }

  private hidden(what: 'incoming' | 'removed' | 'signature'): string {
    return join(this.folder, `.${what}-${randomBytes(6).toString('hex')}`);
  }

  private async isWhole(id: BundleId): Promise<boolean> {
    try {
      await this.open(id);
      return true;
    } catch (error) {
      if (error instanceof SpectaError && error.code.startsWith('BUNDLE_')) return false;
      // A sector that cannot be read any more is mended by writing the file anew, as a wrong one is.
      if (error instanceof SpectaError && systemCode(error.cause) === 'EIO') return false;
      throw error;
    }
  }

  /** After a change of keys the same bundle comes with another signature: that alone is exchanged, in one step. */
  private async signAnew(id: BundleId, { signature }: IncomingBundle): Promise<Placed> {
    const before = await this.signature(id);
    if (signature === null || (before !== null && Buffer.compare(before, signature) === 0))
      return 'already there';
    // Beside the bundle, not in it: a file that is left there would be a stranger in it.
    const temporary = this.hidden('signature');
    await this.fs.writeFile(temporary, signature);
    await this.fs.rename(temporary, join(this.folderOf(id), SIGNATURE));
    await this.fs.syncFolder(this.folderOf(id));
    await this.fs.syncFolder(this.folder);
    return 'signed anew';
  }
}
