import { join } from 'node:path';
import { SpectaError } from '../platform/errors.ts';
import { lockFile } from '../platform/file-lock.ts';
import { diskError, nodeFiles } from '../platform/files.ts';
import { History } from './history.ts';

/** A history in its folder, which nobody else uses meanwhile. */
export interface OpenHistory extends Disposable {
  readonly history: History;
}

/** Opens the history in a folder, which is made if need be. Rejects with `DISK_FAILED`, or `RECORD_BUSY` when it is in use. */
export async function openHistory(folder: string): Promise<OpenHistory> {
  await nodeFiles.mkdir(folder);
  using parts = new DisposableStack();
  const lock = lockedFolder(folder);
  parts.defer(() => lock.release());
  const history = parts.use(new History(join(folder, 'history.sqlite')));
  const held = parts.move();
  return { history, [Symbol.dispose]: () => held.dispose() };
}

function lockedFolder(folder: string) {
  const path = join(folder, 'lock');
  let lock: ReturnType<typeof lockFile>;
  try {
    lock = lockFile(path);
  } catch (error) {
    throw diskError(error, 'lock', path);
  }
  if ('heldBy' in lock) {
    throw new SpectaError(
      'RECORD_BUSY',
      `Another console${lock.heldBy === '' ? '' : ` (process ${lock.heldBy.trim()})`} uses the history in ${folder}.`,
      'End it, or give this one a folder of its own with --folder.',
    );
  }
  lock.write(`${process.pid}\n`);
  return lock;
}
