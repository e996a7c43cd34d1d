import { readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../../platform/errors.ts';
import type { Libc } from '../../platform/libc.ts';
import { nearestName } from '../../platform/nearest-name.ts';
import { type Identity, identify } from './identity.ts';
import { VideoNode } from './video-node.ts';

/** A camera that is not there just now; it may come. */
export class CameraAbsent extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CameraAbsent';
  }
}

/** Which camera it was last time: the same one is looked for first, should its node have changed. */
export type Remembered = Pick<Identity, 'card' | 'bus' | 'path'>;

/** Every video node that answers, by number. Nodes that cannot be opened are left out: they cannot say who they are. */
export function listVideoNodes(libc: Libc, folder = '/dev'): readonly Identity[] {
  return nodePaths(folder).flatMap((path) => {
    try {
      return [identityAt(libc, path)];
    } catch (error) {
      if (systemCode(error) !== undefined) return [];
      throw error;
    }
  });
}

/**
 * Finds the camera that `device` names: a node (`/dev/video0`), a stable name (a path below `/dev/v4l/`, or its last
 * part alone), or the card's name. A node that vanished is looked for under another number, by card and bus.
 * Throws {@link CameraAbsent}, saying what cameras there are, or `SystemCallError`.
 */
export function findCamera(
  libc: Libc,
  device: string,
  remembered: Remembered | null,
  folder = '/dev',
): Identity {
  const named = device.startsWith('/') ? device : stableName(folder, device);
  if (named !== null) {
    const path = target(named);
    if (path !== null && !(remembered !== null && isPlainNode(device))) return identityAt(libc, path);
    const again = remembered === null ? null : findAgain(libc, remembered, folder);
    if (again !== null) return again;
    if (path !== null) return identityAt(libc, path);
    throw new CameraAbsent(`${device} is not there; ${camerasInWords(listVideoNodes(libc, folder))}`);
  }
  const nodes = listVideoNodes(libc, folder);
  const capturing = nodes.filter(({ role }) => role !== 'other');
  const found =
    capturing.find(({ card }) => card === device) ??
    capturing.find(({ card }) => card.toLowerCase() === device.toLowerCase());
  if (found !== undefined) return found;
  const meant = nearestName(
    device,
    capturing.map(({ card }) => card),
  );
  const guess = meant === null ? '' : ` (did you mean "${meant}"?)`;
  throw new CameraAbsent(`no camera is named "${device}"${guess}; ${camerasInWords(nodes)}`);
}

/** `there are /dev/video0 (HD Camera) and /dev/video2 (Arducam)`. */
export function camerasInWords(nodes: readonly Identity[]): string {
  const cameras = nodes.filter(({ role }) => role !== 'other').map(({ path, card }) => `${path} (${card})`);
  return cameras.length === 0 ? 'no camera is plugged in' : `there ${listed(cameras)}`;
}

function listed(words: readonly string[]): string {
  if (words.length === 1) return `is ${words[0]}`;
  return `are ${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

function findAgain(libc: Libc, { card, bus, path }: Remembered, folder: string): Identity | null {
  const same = listVideoNodes(libc, folder).filter(
    (node) => node.role !== 'other' && node.card === card && node.bus === bus,
  );
  return same.find((node) => node.path === path) ?? same[0] ?? null;
}

function identityAt(libc: Libc, path: string): Identity {
  const node = new VideoNode(libc, path);
  try {
    return identify(node);
  } finally {
    node.close();
  }
}

function isPlainNode(device: string): boolean {
  return /\/video\d+$/.test(device);
}

function stableName(folder: string, name: string): string | null {
  if (name.includes('/')) return null;
  for (const kind of ['by-id', 'by-path']) {
    const path = join(folder, 'v4l', kind, name);
    if (target(path) !== null) return path;
  }
  return null;
}

/** Where a name leads; null when nothing is there. */
function target(path: string): string | null {
  try {
    return realpathSync(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemCode(error) ?? '')) return null;
    throw error;
  }
}

function nodePaths(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
  const number = (name: string): number => Number(name.slice('video'.length));
  return names
    .filter((name) => /^video\d+$/.test(name))
    .sort((a, b) => number(a) - number(b))
    .map((name) => join(folder, name));
}
