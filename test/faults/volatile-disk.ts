import { basename, dirname } from 'node:path';
import type { DiskCalls, DiskFacts, OpenedFile, OpenMode } from '../../src/platform/disk-calls.ts';
import type { Dice } from './dice.ts';

/** What of the unsynced survives when the power goes: nothing, everything, or any part of it in any order. */
export type Survival = 'nothing' | 'everything' | Dice;

/** The machine is off: every call fails from the one on behind which the power was lost. */
export class PowerLost extends Error {
  constructor() {
    super('the power is lost');
    this.name = 'PowerLost';
  }
}

interface Write {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

interface FileNode {
  readonly kind: 'file';
  /** What a sync has brought to the disk. */
  durable: Uint8Array;
  live: Uint8Array;
  /** Written since then; null in it: emptied. */
  unsynced: (Write | null)[];
  isLocked: boolean;
}

/** A change of names that is atomic by itself; several may reach the disk in any order, or not at all. */
interface Change {
  readonly set: readonly (readonly [string, DiskNode])[];
  readonly drop: readonly string[];
}

interface FolderNode {
  readonly kind: 'folder';
  durable: Map<string, DiskNode>;
  live: Map<string, DiskNode>;
  unsynced: Change[];
}

interface LinkNode {
  readonly kind: 'link';
}

type DiskNode = FileNode | FolderNode | LinkNode;

const SECTOR = 512;

function fault(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

function emptyFolder(): FolderNode {
  return { kind: 'folder', durable: new Map(), live: new Map(), unsynced: [] };
}

function emptyFile(): FileNode {
  return { kind: 'file', durable: new Uint8Array(0), live: new Uint8Array(0), unsynced: [], isLocked: false };
}

function apply(names: Map<string, DiskNode>, { set, drop }: Change): void {
  for (const name of drop) names.delete(name);
  for (const [name, node] of set) names.set(name, node);
}

function withWrite(content: Uint8Array, { offset, bytes }: Write): Uint8Array {
  const longer = new Uint8Array(Math.max(content.byteLength, offset + bytes.byteLength));
  longer.set(content);
  longer.set(bytes, offset);
  return longer;
}

function factsOf(node: DiskNode): DiskFacts {
  return {
    size: node.kind === 'file' ? node.live.byteLength : 0,
    mtimeMs: 0,
    uid: 0,
    gid: 0,
    isFile: () => node.kind === 'file',
    isDirectory: () => node.kind === 'folder',
  };
}

/**
 * A disk in memory that promises exactly what POSIX does: content is there after fsync of the file, names are there
 * after fsync of the folder, a rename within a folder is atomic, and everything else may be lost, torn at any sector,
 * or overtake what was done before it. Each call that changes something is one or more steps; the power can be lost
 * behind any of them.
 */
export class VolatileDisk {
  readonly calls: DiskCalls;
  /** Steps done so far. */
  steps = 0;
  /** The step behind which the machine is off; infinity: never. */
  lossAfter = Number.POSITIVE_INFINITY;
  /** Bytes written so far, whatever became of them. */
  bytesWritten = 0;
  /** What was done, for the report of a failure. */
  readonly log: string[] = [];
  private root: FolderNode = emptyFolder();

  constructor() {
    this.calls = this.bind();
  }

  /** A copy of this disk as it stands, all of it synced. */
  static copyOf(other: VolatileDisk): VolatileDisk {
    const disk = new VolatileDisk();
    disk.root = survivors(other.root, 'everything', new Map()) as FolderNode;
    return disk;
  }

  /** The disk that the next start finds. */
  afterPowerLoss(survival: Survival): VolatileDisk {
    const disk = new VolatileDisk();
    disk.root = survivors(this.root, survival, new Map()) as FolderNode;
    return disk;
  }

  /** The processes are dead, the machine goes on: locks end, nothing that was written is lost. */
  killProcesses(): void {
    this.lossAfter = Number.POSITIVE_INFINITY;
    const unlock = (node: DiskNode): void => {
      if (node.kind === 'file') node.isLocked = false;
      else if (node.kind === 'folder') for (const inner of node.live.values()) unlock(inner);
    };
    unlock(this.root);
  }

  /** Turns a bit of a file, as a bad disk does. */
  damage(path: string): void {
    const node = this.find(path);
    if (node.kind !== 'file') throw fault('EISDIR', path);
    const bytes = node.live.slice();
    bytes[bytes.byteLength >> 1] ^= 1;
    node.live = bytes;
    node.durable = bytes;
  }

  /** Puts a link where a test wants one. */
  putLink(path: string): void {
    const { folder, name } = this.parentOf(path);
    folder.live.set(name, { kind: 'link' });
    folder.durable.set(name, { kind: 'link' });
  }

  /** Bytes of every file below a path. */
  bytesBelow(path: string): number {
    const sum = (node: DiskNode): number => {
      if (node.kind === 'file') return node.live.byteLength;
      return node.kind === 'folder' ? [...node.live.values()].reduce((all, inner) => all + sum(inner), 0) : 0;
    };
    return sum(this.find(path));
  }

  /** Every path, sorted; folders end with a slash. */
  paths(): string[] {
    const found: string[] = [];
    const walk = (node: DiskNode, path: string): void => {
      if (node.kind !== 'folder') {
        found.push(path);
        return;
      }
      found.push(`${path}/`);
      for (const [name, inner] of node.live) walk(inner, `${path}/${name}`);
    };
    walk(this.root, '');
    return found.sort();
  }

  private step(what: string): void {
    if (this.steps >= this.lossAfter) throw new PowerLost();
    this.steps += 1;
    this.log.push(what);
  }

  private isOn(): void {
    if (this.steps >= this.lossAfter) throw new PowerLost();
  }

  private find(path: string): DiskNode {
    let node: DiskNode = this.root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (node.kind !== 'folder') throw fault('ENOTDIR', path);
      const next = node.live.get(name);
      if (next === undefined) throw fault('ENOENT', path);
      node = next;
    }
    return node;
  }

  private parentOf(path: string): { readonly folder: FolderNode; readonly name: string } {
    const folder = this.find(dirname(path));
    if (folder.kind !== 'folder') throw fault('ENOTDIR', path);
    return { folder, name: basename(path) };
  }

  private change(folder: FolderNode, change: Change): void {
    apply(folder.live, change);
    folder.unsynced.push(change);
  }

  private openNode(path: string, mode: OpenMode): DiskNode {
    const { folder, name } = this.parentOf(path);
    const there = name === '' ? this.root : folder.live.get(name);
    if (there?.kind === 'link') throw fault('ELOOP', path);
    if (there === undefined) {
      if (mode === 'read' || mode === 'plain') throw fault('ENOENT', path);
      this.step(`make ${path}`);
      const made = emptyFile();
      this.change(folder, { set: [[name, made]], drop: [] });
      return made;
    }
    if (mode === 'create') throw fault('EEXIST', path);
    if (mode === 'replace') {
      if (there.kind !== 'file') throw fault('EISDIR', path);
      this.step(`empty ${path}`);
      there.live = new Uint8Array(0);
      there.unsynced.push(null);
    }
    return there;
  }

  private open(path: string, mode: OpenMode): OpenedFile {
    const node = this.openNode(path, mode);
    let position = 0;
    let holds = false;
    const write = (file: FileNode, bytes: Uint8Array): void => {
      // Half of a write is a state of its own: the power may go in the middle of it.
      const middle = bytes.byteLength >> 1;
      for (const part of [bytes.slice(0, middle), bytes.slice(middle)]) {
        if (part.byteLength === 0) continue;
        this.step(`write ${part.byteLength} to ${path}`);
        this.bytesWritten += part.byteLength;
        const piece = { offset: position, bytes: part };
        file.live = withWrite(file.live, piece);
        file.unsynced.push(piece);
        position += part.byteLength;
      }
    };
    return {
      read: async (into, at) => {
        this.isOn();
        if (node.kind !== 'file') throw fault('EISDIR', path);
        const from = at ?? position;
        const bytes = node.live.subarray(from, from + into.byteLength);
        into.set(bytes);
        if (at === null) position += bytes.byteLength;
        return bytes.byteLength;
      },
      write: async (bytes) => {
        if (node.kind !== 'file') throw fault('EISDIR', path);
        write(node, bytes);
      },
      sync: async () => {
        this.step(`sync ${path}`);
        if (node.kind === 'file') {
          node.durable = node.live;
          node.unsynced = [];
        } else if (node.kind === 'folder') {
          node.durable = new Map(node.live);
          node.unsynced = [];
        }
      },
      stat: async () => {
        this.isOn();
        return factsOf(node);
      },
      lock: async () => {
        this.isOn();
        if (node.kind !== 'file') throw fault('EISDIR', path);
        if (node.isLocked) return false;
        node.isLocked = true;
        holds = true;
        return true;
      },
      close: async () => {
        if (holds && node.kind === 'file') node.isLocked = false;
        holds = false;
      },
    };
  }

  /** Children first, each a step of its own: half of a removal is a state of its own. */
  private unlink(path: string): void {
    const { folder, name } = this.parentOf(path);
    const node = folder.live.get(name);
    if (node === undefined) return;
    if (node.kind === 'folder') for (const inner of [...node.live.keys()]) this.unlink(`${path}/${inner}`);
    this.step(`unlink ${path}`);
    this.change(folder, { set: [], drop: [name] });
  }

  private rename(from: string, to: string): void {
    const source = this.parentOf(from);
    const target = this.parentOf(to);
    const node = source.folder.live.get(source.name);
    if (node === undefined) throw fault('ENOENT', from);
    const there = target.folder.live.get(target.name);
    if (there?.kind === 'folder' && (node.kind !== 'folder' || there.live.size > 0))
      throw fault('ENOTEMPTY', to);
    if (there?.kind === 'file' && node.kind === 'folder') throw fault('ENOTDIR', to);
    this.step(`rename ${from} to ${to}`);
    if (source.folder === target.folder) {
      this.change(source.folder, { set: [[target.name, node]], drop: [source.name] });
      return;
    }
    // Between two folders only a journal makes it one change, and POSIX promises none.
    this.change(target.folder, { set: [[target.name, node]], drop: [] });
    this.change(source.folder, { set: [], drop: [source.name] });
  }

  private bind(): DiskCalls {
    const stat = async (path: string): Promise<DiskFacts> => {
      this.isOn();
      return factsOf(this.find(path));
    };
    return {
      open: async (path, mode) => {
        this.isOn();
        return this.open(path, mode);
      },
      readFile: async (path) => {
        this.isOn();
        const node = this.find(path);
        if (node.kind !== 'file') throw fault('EISDIR', path);
        return node.live;
      },
      rename: async (from, to) => this.rename(from, to),
      mkdir: async (path) => {
        const { folder, name } = this.parentOf(path);
        if (folder.live.has(name)) throw fault('EEXIST', path);
        this.step(`mkdir ${path}`);
        this.change(folder, { set: [[name, emptyFolder()]], drop: [] });
      },
      readdir: async (path) => {
        this.isOn();
        const node = this.find(path);
        if (node.kind !== 'folder') throw fault('ENOTDIR', path);
        return [...node.live.keys()];
      },
      rm: async (path) => {
        try {
          this.unlink(path);
        } catch (error) {
          if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
          throw error;
        }
      },
      stat,
      lstat: stat,
      freeBytes: async () => 2 ** 40,
    };
  }
}

/** What a power loss leaves of a node and everything below it. */
function survivors(node: DiskNode, survival: Survival, known: Map<DiskNode, DiskNode>): DiskNode {
  const before = known.get(node);
  if (before !== undefined) return before;
  if (node.kind === 'link') return node;
  if (node.kind === 'file') {
    const content = survivingContent(node, survival);
    const file: FileNode = { ...emptyFile(), durable: content, live: content };
    known.set(node, file);
    return file;
  }
  const folder = emptyFolder();
  known.set(node, folder);
  const names = new Map(node.durable);
  for (const change of node.unsynced) {
    if (survival === 'everything' || (survival !== 'nothing' && survival.chance(0.5))) apply(names, change);
  }
  for (const [name, inner] of names) folder.durable.set(name, survivors(inner, survival, known));
  folder.live = new Map(folder.durable);
  return folder;
}

function survivingContent(node: FileNode, survival: Survival): Uint8Array {
  if (survival === 'everything' || node.unsynced.length === 0) return node.live;
  if (survival === 'nothing') return node.durable;
  let content = node.durable;
  for (const write of node.unsynced) {
    if (write === null) {
      if (survival.chance(0.5)) content = new Uint8Array(0);
      continue;
    }
    for (let at = 0; at < write.bytes.byteLength; at += SECTOR) {
      const bytes = write.bytes.subarray(at, at + SECTOR);
      const fate = survival.next();
      // Arrived; the size arrived, the bytes did not (zeros); torn within the sector; lost.
      if (fate < 0.5) content = withWrite(content, { offset: write.offset + at, bytes });
      else if (fate < 0.65)
        content = withWrite(content, { offset: write.offset + at, bytes: new Uint8Array(bytes.byteLength) });
      else if (fate < 0.8) {
        const torn = bytes.slice(0, Math.ceil(survival.between(0, bytes.byteLength)));
        content = withWrite(content, { offset: write.offset + at, bytes: torn });
      }
    }
  }
  return content;
}
