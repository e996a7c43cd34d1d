// Runs on the host before a guest with systemd boots: leaves in SHARE the tests' network, and the tarballs of two
// releases of this tree, which differ in nothing but their version. Kept in the rig's cache for as long as the tree is the same.
//   node test/rig/prepare-service.ts SHARE
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { filesOf } from '../../scripts/release-folder.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';
import { NEWER, OLDER, tarballOf } from './releases.ts';

const project = resolve(import.meta.dirname, '../..');
const [share] = process.argv.slice(2);
if (share === undefined) throw new Error('which share?');

const { SPECTA_RIG_CACHE, XDG_CACHE_HOME } = process.env;
const releases = join(
  SPECTA_RIG_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'specta-rig'),
  'releases',
);
const folder = join(releases, digestOfTree());
if (!existsSync(folder)) {
  rmSync(releases, { recursive: true, force: true });
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  execFileSync(
    process.execPath,
    [join(project, 'scripts/release.ts'), '--out', draft, '--version', OLDER, '--version', NEWER],
    { cwd: project, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  renameSync(draft, folder);
}
mkdirSync(join(share, 'bundle'));
await makeTinyBundle(join(share, 'bundle'));
for (const name of readdirSync(folder)) copyFileSync(join(folder, name), join(share, name));
console.log(`releases: ${[OLDER, NEWER].map(tarballOf).join(', ')}`);

/** Of all that a release is made from. */
function digestOfTree(): string {
  const hash = createHash('sha256').update(process.arch);
  const paths = [
    ...['src', 'models', 'device', 'systemd', 'docs'].flatMap((part) =>
      filesOf(join(project, part)).map((path) => join(part, path)),
    ),
    ...['package.json', 'package-lock.json', 'README.md', 'LICENSE'],
    ...['release.ts', 'release-folder.ts', 'release-tarball.ts', 'build-onoff.mjs'].map((name) =>
      join('scripts', name),
    ),
  ];
  for (const path of paths) {
    if (!path.startsWith('device/rig/')) hash.update(path).update(readFileSync(join(project, path)));
  }
  return hash.digest('hex').slice(0, 16);
}
