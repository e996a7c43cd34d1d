import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where a user's `specta` keeps what it heard, by the XDG convention. */
export function historyFolder(of: 'console' | 'watch'): string {
  return join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local', 'state'), 'specta', of);
}
