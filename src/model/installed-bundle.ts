import type { Manifest } from '../domain/manifest.ts';
import { SpectaError } from '../platform/errors.ts';
import type { FileSystem } from '../platform/files.ts';
import type { BundleId } from './admission.ts';
import { readManifestBytes } from './bundle.ts';
import type { BundleShelf } from './bundle-shelf.ts';
import type { Trust } from './incoming.ts';
import { manifestText, parseManifest } from './manifest.ts';
import { signerOf } from './signature.ts';
import type { Pointer, Slots } from './slots.ts';

/** One installed bundle for people. */
export interface InstalledBundle {
  readonly id: BundleId;
  readonly slots: readonly ('current' | 'previous' | 'trial')[];
  /** null when its manifest cannot be read. */
  readonly manifest: Manifest | null;
  readonly bytes: number;
  /** Id of the key, `untrusted` for a key that is not trusted (any more), null for nobody. */
  readonly signedBy: string | null;
  /** Why it cannot be used; null when it can, as far as was looked. */
  readonly fault: SpectaError | null;
}

interface Looking {
  readonly shelf: BundleShelf;
  readonly fs: FileSystem;
  readonly trust: Trust;
}

/** Id of the key that signed an installed bundle, `untrusted` for one that is not trusted, null for nobody. */
export async function signerOfInstalled(id: BundleId, { shelf, fs, trust }: Looking): Promise<string | null> {
  const signature = await shelf.signature(id);
  if (signature === null) return null;
  const head = await readManifestBytes(shelf.folderOf(id), fs);
  return signerOf(head, signature, trust.keys) ?? 'untrusted';
}

/** Looks at one installed bundle. @param whole true: every file is read and verified */
export async function lookAtInstalled(
  id: BundleId,
  slots: Slots,
  looking: Looking & { readonly whole: boolean },
): Promise<InstalledBundle> {
  const marks = marksOf(id, slots);
  try {
    const { manifest, bytes } = await readHead(id, looking);
    const signedBy = await signerOfInstalled(id, looking);
    if (looking.whole) await looking.shelf.open(id);
    return { id, slots: marks, manifest, bytes, signedBy, fault: null };
  } catch (error) {
    if (!(error instanceof SpectaError)) throw error;
    return { id, slots: marks, manifest: null, bytes: 0, signedBy: null, fault: error };
  }
}

function marksOf({ digest }: BundleId, { current, previous, trial }: Slots): InstalledBundle['slots'] {
  const is = (pointer: Pointer | null): boolean => pointer?.kind === 'installed' && pointer.digest === digest;
  return [
    ...(is(current) ? (['current'] as const) : []),
    ...(is(previous) ? (['previous'] as const) : []),
    ...(trial?.bundle.digest === digest ? (['trial'] as const) : []),
  ];
}

async function readHead(
  id: BundleId,
  { shelf, fs }: Looking,
): Promise<{ readonly manifest: Manifest; readonly bytes: number }> {
  const folder = shelf.folderOf(id);
  const manifest = parseManifest(manifestText(await readManifestBytes(folder, fs), folder), folder);
  return { manifest, bytes: manifest.files.reduce((sum, file) => sum + file.bytes, 0) };
}
