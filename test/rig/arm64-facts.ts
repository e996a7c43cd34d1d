import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A picture's verdict as `specta classify --json` tells it. */
export interface ToldVerdict {
  readonly file: string;
  readonly label: string | null;
  readonly probabilities: Readonly<Record<string, number>>;
  readonly blind: string | null;
}

/** What `prepare-arm64.ts` found and made on the machine that boots the guest. */
export interface Arm64Facts {
  /** The processor of that machine. */
  readonly arch: string;
  /** Folder of arm64 packages, see `device/rig/modules.sh`. */
  readonly modules: string;
  /** A release folder for arm64, as a vessel gets it. */
  readonly release: string;
  /** What that machine says of pictures in the share, by the tiny bundle there. */
  readonly verdicts: readonly ToldVerdict[];
  /** What it says of one of them by the shipped model. */
  readonly shipped: ToldVerdict;
}

/** Names in the share, on both sides. */
export const FACTS_FILE = 'arm64.json';
export const PICTURES_FOLDER = 'pictures';
export const TINY_BUNDLE = 'tiny';

/** True in the guest that `device/rig/boot.sh` boots with RIG_ARCH=arm64. */
export const isArm64Rig = process.arch === 'arm64' && process.env.SPECTA_RIG === '1';

/** Where tests are skipped elsewhere, the reason. */
export const ELSEWHERE = 'in the emulated arm64 machine only: npm run test:rig -- --part arm64';

/** The share as the guest sees it. */
export const SHARE = '/share';

export function readFacts(): Arm64Facts {
  return JSON.parse(readFileSync(join(SHARE, FACTS_FILE), 'utf8'));
}

/** The largest distance between two verdicts' probabilities; NaN where one has a class that the other has not. */
export function farthest(
  found: Readonly<Partial<Record<string, number>>>,
  wanted: Readonly<Record<string, number>>,
): number {
  const names = new Set([...Object.keys(found), ...Object.keys(wanted)]);
  return Math.max(...[...names].map((name) => Math.abs((found[name] ?? Number.NaN) - wanted[name])));
}
