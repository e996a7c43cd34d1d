import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';

export const project = join(import.meta.dirname, '../..');

/**
 * An empty root for each test of a file, to install releases into by `device/install.sh`. To be called once in a file.
 */
export function throwawayRoot() {
  let work = '';
  let root = '';
  beforeEach(() => {
    work = mkdtempSync(join(tmpdir(), 'specta-install-'));
    root = join(work, 'root');
    mkdirSync(root);
  });
  afterEach(() => rmSync(work, { recursive: true, force: true }));

  /** A path beside the root, for what is installed from. */
  const beside = (...path: string[]): string => join(work, ...path);

  /**
   * A release as far as the installer looks at it. Its Node is a link: a whole one would take seconds to copy.
   * @param content what tells two releases of one version apart
   */
  function release(version: string, content = version): string {
    const folder = join(work, `specta-${version}`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(join(folder, 'src'), { recursive: true });
    writeFileSync(join(folder, 'src/main.ts'), `console.log('${content}');\n`);
    writeFileSync(join(folder, 'package.json'), `{\n  "name": "specta",\n  "version": "${version}"\n}\n`);
    writeFileSync(join(folder, 'RELEASE'), `version=${version}\narch=${process.arch}\n`);
    cpSync(join(project, 'systemd'), join(folder, 'systemd'), { recursive: true });
    for (const part of ['boards', 'udev', 'install.sh', 'specta.example.yaml'])
      cpSync(join(project, 'device', part), join(folder, 'device', part), { recursive: true });
    mkdirSync(join(folder, 'bin'));
    symlinkSync(process.execPath, join(folder, 'bin/node'));
    writeFileSync(join(folder, 'bin/specta'), '#!/bin/sh\n', { mode: 0o755 });
    sign(folder);
    return folder;
  }

  /** Writes SHA256SUMS over the files of a release. */
  function sign(folder: string): void {
    rmSync(join(folder, 'SHA256SUMS'), { force: true });
    const { stdout } = spawnSync('sh', ['-c', 'find . -type f -printf "%P\\n" | sort | xargs sha256sum'], {
      cwd: folder,
      encoding: 'utf8',
    });
    writeFileSync(join(folder, 'SHA256SUMS'), stdout);
  }

  /** A release as it travels. */
  function tarball(version: string): string {
    release(version);
    const file = join(work, `specta-${version}.tar.gz`);
    expect(spawnSync('tar', ['-czf', file, '-C', work, `specta-${version}`]).status).toBe(0);
    return file;
  }

  /** Neither board nor camera. */
  const nothingHere = (): Record<string, string> => ({
    SPECTA_DEVICE_TREE: join(work, 'no-device-tree'),
    SPECTA_CAMERAS: join(work, 'no-cameras'),
  });

  function install(
    args: readonly string[],
    environment: Record<string, string> = {},
    script = join(project, 'device/install.sh'),
  ) {
    const { status, stdout, stderr } = spawnSync('sh', [script, ...args], {
      encoding: 'utf8',
      env: { ...process.env, DESTDIR: root, ...nothingHere(), ...environment },
    });
    return { status, out: stdout, err: stderr };
  }

  /** Everything below the root: path, kind, mode, content. */
  function snapshot(): Record<string, string> {
    const seen: Record<string, string> = {};
    for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
      const path = join(root, name);
      const facts = lstatSync(path);
      const what = facts.isSymbolicLink()
        ? readlinkSync(path)
        : facts.isFile()
          ? readFileSync(path, 'utf8')
          : 'folder';
      seen[name] = `${(facts.mode & 0o777).toString(8)} ${what}`;
    }
    return seen;
  }

  /** A device tree that says what the board is. */
  function deviceTree(...names: string[]): Record<string, string> {
    const folder = join(work, 'device-tree');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'compatible'), names.map((name) => `${name}\0`).join(''));
    return { SPECTA_DEVICE_TREE: folder };
  }

  /** A PATH on which `program` says something else. */
  function pretending(program: string, says: string): Record<string, string> {
    const folder = join(work, 'bin');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, program), `#!/bin/sh\n${says}\n`);
    chmodSync(join(folder, program), 0o755);
    return { PATH: `${folder}:${process.env.PATH}` };
  }

  const at = (path: string): string => join(root, path);

  /** What lies in /opt/specta, without the lock. */
  function releases(): string[] {
    return readdirSync(at('opt/specta'))
      .filter((name) => name !== '.lock')
      .sort();
  }

  return { beside, at, release, sign, tarball, install, snapshot, deviceTree, pretending, releases };
}
