import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { systemCode } from '../platform/errors.ts';
import { groupName, localGroups } from '../platform/groups.ts';
import { bad, type Check, type CheckResult, good, warning } from './examination.ts';

/** The service's user, as device/install.sh makes it, and the groups that it must be in. */
const SERVICE_USER = 'specta';
const DEVICE_GROUPS = ['video', 'gpio'] as const;

/** A device node that this user may not open. */
interface ClosedNode {
  readonly path: string;
  readonly group: string;
}

function closedNodes(folder: string): { readonly seen: number; readonly closed: ClosedNode[] } {
  const paths = readdirSync(folder)
    .filter((name) => /^(video|gpiochip)\d+$/.test(name))
    .map((name) => join(folder, name));
  const closed = paths.flatMap((path) => {
    try {
      accessSync(path, constants.R_OK | constants.W_OK);
      return [];
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      return [{ path, group: groupName(statSync(path).gid) }];
    }
  });
  return { seen: paths.length, closed };
}

/** Whether this user, and the service's, may open cameras and GPIO chips. */
export const permissionCheck: Check = {
  name: 'permission',
  async look() {
    const results: CheckResult[] = [];
    const { username, uid } = userInfo();
    const { seen, closed } = closedNodes('/dev');
    if (closed.length === 0) {
      const found =
        seen === 0 ? 'no cameras and no GPIO chips to open' : `${username} may open all ${seen} devices`;
      results.push(good('permission', uid === 0 ? `${found} (as root; the service is not root)` : found));
    }
    for (const { path, group } of closed) {
      const todo =
        group === 'root'
          ? 'Only root may: install SPECTA (device/install.sh brings the rules), or say sudo.'
          : `Say sudo, or join the group and log in again: sudo usermod -aG ${group} ${username}`;
      results.push(warning('permission', `${username} may not open ${path}`, todo));
    }
    return [...results, ...serviceResults()];
  },
};

function serviceResults(): CheckResult[] {
  const groups = localGroups();
  if (!groups.some(({ name }) => name === SERVICE_USER)) return [];
  const missing = DEVICE_GROUPS.filter(
    (wanted) => !groups.some(({ name, members }) => name === wanted && members.includes(SERVICE_USER)),
  );
  if (missing.length === 0)
    return [good('permission', `the service's user is in ${DEVICE_GROUPS.join(' and ')}`)];
  return [
    bad(
      'permission',
      `the service's user ${SERVICE_USER} is not in ${missing.join(' and ')}`,
      `sudo usermod -aG ${missing.join(',')} ${SERVICE_USER}, then systemctl restart specta; device/install.sh does it too.`,
    ),
  ];
}
