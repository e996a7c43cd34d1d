import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

/**
 * Makes what the rig boots. What this machine lacks for it is installed by root, and told to anybody else.
 *
 * @param architectures `x64`, `arm64`
 * @param isQuiet standard output is kept free
 */
export async function buildRig(
  project: string,
  architectures: ReadonlySet<string>,
  isQuiet: boolean,
): Promise<void> {
  const tools = process.getuid?.() === 0 ? ['--tools'] : [];
  for (const architecture of architectures) {
    const script = resolve(project, 'device/rig/build.sh');
    const out = isQuiet ? process.stderr : 'inherit';
    const child = spawn(script, [architecture, ...tools], { stdio: ['ignore', out, 'inherit'] });
    const [status] = await once(child, 'exit');
    if (status !== 0) throw new Error(`the rig for ${architecture} could not be built (status ${status})`);
  }
}
