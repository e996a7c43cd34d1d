// Runs on the host before the arm64 guest boots: makes a release for arm64 and records this machine's own verdicts.
//   node test/rig/prepare-arm64.ts SHARE MODULES
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { makeReleaseFolder } from '../../scripts/release-folder.ts';
import { drawJpeg } from '../fixtures/pictures.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';
import {
  type Arm64Facts,
  FACTS_FILE,
  PICTURES_FOLDER,
  TINY_BUNDLE,
  type ToldVerdict,
} from './arm64-facts.ts';

const project = resolve(import.meta.dirname, '../..');
const [share, modules] = process.argv.slice(2);
if (!share || !modules) throw new Error('which share, which modules?');

// Beside the modules, for a guest sees the cache; the share would be slow.
const release = join(dirname(modules), 'release-arm64');
const draft = `${release}.draft`;
rmSync(draft, { recursive: true, force: true });
const { version }: { version: string } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
makeReleaseFolder({
  project,
  modules: join(modules, 'production/node_modules'),
  arch: 'arm64',
  version,
  folder: draft,
});
rmSync(release, { recursive: true, force: true });
renameSync(draft, release);

const pictures = join(share, PICTURES_FOLDER);
mkdirSync(pictures, { recursive: true });
const scenes = ['sound', 'crack', 'rust', 'crack-in-rust', 'dark'] as const;
for (const scene of scenes)
  writeFileSync(join(pictures, `${scene}.jpg`), drawJpeg(scene, { width: 1280, height: 720 }));
const tiny = join(share, TINY_BUNDLE);
mkdirSync(tiny, { recursive: true });
await makeTinyBundle(tiny);

function classify(words: readonly string[]): ToldVerdict[] {
  const command = [join(project, 'src/main.ts'), 'classify', ...words, '--json'];
  const told = execFileSync(process.execPath, command, { cwd: share, encoding: 'utf8' });
  return told
    .trim()
    .split('\n')
    .map((line): ToldVerdict => JSON.parse(line));
}

const verdicts = classify([PICTURES_FOLDER, '--model', `./${TINY_BUNDLE}`]);
const [shipped] = classify([join(PICTURES_FOLDER, 'crack-in-rust.jpg')]);
const facts: Arm64Facts = { arch: process.arch, modules, release, verdicts, shipped };
writeFileSync(join(share, FACTS_FILE), JSON.stringify(facts));
writeFileSync(join(share, 'modules'), modules);
console.log(`release ${version} for arm64; ${verdicts.length} pictures judged on ${process.arch}`);
