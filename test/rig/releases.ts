/** The release that is installed first, and the one to upgrade to. */
export const OLDER = '0.1.0';
export const NEWER = '0.1.1-rig';

export function tarballOf(version: string): string {
  return `specta-${version}-linux-${process.arch}.tar.gz`;
}
