// The lock that lets only one `npm start` or `npm test` install at a time. Plain JavaScript, see prepare.mjs.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Names a process so that another one that later gets its number is not taken for it: on Linux the kernel tells when
 * it began. Empty when there is no such process.
 */
function identityOf(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return '';
  }
  if (process.platform !== 'linux') return `${pid}`;
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The 22nd field; the 2nd is in brackets and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return '';
    return `${pid} ${fields[19]} ${boot}`;
  } catch (error) {
    // It ended between the two looks at it.
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return '';
    throw error;
  }
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Whether any of the processes that a lock names still runs. */
function isHeld(content) {
  return content
    .split('\n')
    .some((identity) => identity !== '' && identityOf(Number.parseInt(identity, 10)) === identity);
}

/** Writes the whole lock at once, so that nobody reads half of it; false when there is one already. */
function create(file, content) {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, content);
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Takes away a lock whose holder is dead. Somebody else may have done so and hold it by now: then it is put back. */
function removeDead(file, content) {
  const aside = `${file}.dead.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  if (read(aside) !== content) linkSync(aside, file);
  rmSync(aside, { force: true });
}

/**
 * Waits for the lock and takes it.
 * @param onWait called once with the number of the process that holds it, when there is one
 */
export async function takeLock(file, onWait) {
  mkdirSync(dirname(file), { recursive: true });
  for (let told = false; !create(file, `${identityOf(process.pid)}\n`); ) {
    const content = read(file);
    if (content === null) continue;
    if (!isHeld(content)) {
      removeDead(file, content);
      continue;
    }
    if (!told) onWait(Number.parseInt(content, 10));
    told = true;
    await sleep(300);
  }
  return {
    /** A child that must end as well before another process may take the lock: it may outlive this one. */
    share(pid) {
      const own = `${file}.${process.pid}`;
      writeFileSync(own, `${identityOf(process.pid)}\n${identityOf(pid)}\n`);
      renameSync(own, file);
    },
    release() {
      rmSync(file, { force: true });
    },
  };
}
