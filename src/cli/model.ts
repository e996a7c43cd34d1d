import type { Command } from 'commander';
import type { Finish } from './program.ts';

/** Where a vehicle's configuration stands when none is named. */
export const VEHICLE_CONFIG = '/etc/specta/specta.yaml';

interface Allowing {
  readonly config: string;
  readonly allowDowngrade?: boolean;
  readonly anotherModel?: boolean;
}

const making = () => import('./model-making.ts');
const aboard = () => import('./model-aboard.ts');

/** `specta model`: bundles made and signed ashore, installed and switched on board. */
export function registerModel(program: Command, finish: Finish): void {
  const model = program
    .command('model')
    .description('models: pack and sign them ashore, install and switch them on board')
    .addHelpText(
      'after',
      `
Exit status: 0 done; 65 the bundle is refused, the code says why; 69 another process is at work, or nothing to go back
to; 74 the disk is full or fails; 78 the configuration or a key is wrong.

Examples:
  $ specta model keygen --out vendor
  $ specta model sign models/specta-32x2/0.2.0 --key vendor.key
  $ specta model pack models/specta-32x2/0.2.0
  $ sudo specta model flash /media/usb/specta-32x2-0.2.0.spectamodel
  $ sudo specta model install /media/usb/specta-32x2-0.2.0.spectamodel
  $ sudo specta model activate specta-32x2@0.2.0`,
    );
  registerMaking(model, finish);
  registerAboard(model, finish);
}

function collected(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function registerMaking(model: Command, finish: Finish): void {
  model
    .command('keygen')
    .description('make a pair of keys: NAME.key signs and stays ashore, NAME.pub is trusted on board')
    .requiredOption('--out <name>', 'where to; nothing is overwritten')
    .option('--passphrase-file <file>', 'encrypt the private key with what stands in this file')
    .action(async (options: { out: string; passphraseFile?: string }) =>
      finish(await (await making()).keygen(options)),
    );
  model
    .command('sign')
    .description('sign a bundle folder or a .spectamodel, after verifying it whole')
    .argument('<bundle>', 'a folder with a manifest.json, or a .spectamodel')
    .requiredOption('--key <file>', 'the private key (PEM) that keygen made')
    .option('--passphrase-file <file>', 'what it is encrypted with')
    .action(async (bundle: string, options: { key: string; passphraseFile?: string }) =>
      finish(await (await making()).sign(bundle, options)),
    );
  model
    .command('pack')
    .description('pack a bundle folder into one .spectamodel; equal bundles give equal bytes')
    .argument('<folder>', 'a folder with a manifest.json')
    .option('--out <file>', 'where to (NAME-VERSION.spectamodel here)')
    .action(async (folder: string, options: { out?: string }) =>
      finish(await (await making()).pack(folder, options)),
    );
  model
    .command('verify')
    .description('verify a .spectamodel whole, and who signed it; changes nothing')
    .argument('<file>', 'a .spectamodel')
    .option('--key <key>', 'trust this public key (ed25519:… or a .pub file); may be repeated', collected, [])
    .option('--config <file>', 'trust the keys of this configuration')
    .option('--json', 'one object')
    .action(async (file: string, options: { key: string[]; config?: string; json?: boolean }) =>
      finish(await (await making()).verify(file, options)),
    );
}

function registerAboard(model: Command, finish: Finish): void {
  const command = (words: string, description: string): Command =>
    model
      .command(words)
      .description(description)
      .option('--config <file>', 'the configuration of the vehicle', VEHICLE_CONFIG);
  const allowing = (each: Command): Command =>
    each
      .option('--allow-downgrade', 'a version that does not rise is meant')
      .option('--another-model', 'a model of a name that never served here is meant');

  allowing(
    command(
      'flash <file>',
      'all in one step: verify, install, try out beside the one that serves, YES or NO',
    ),
  )
    .option('--json', 'one object at the end: name, version, digest, answer, reason')
    .addHelpText(
      'after',
      `
Exit status: 0 YES, it is in use; 2 WAIT, the daemon does not run and its next start tries it out; 65 NO, the bundle is
refused or its trial failed; 69 the daemon died and does not come back; else as specta model --help says. The model that
served before goes on in every case but YES.`,
    )
    .action(async (file: string, options: Allowing & { json?: boolean }) =>
      finish(await (await import('./model-flash.ts')).flash(file, options)),
    );
  allowing(command('install <file>', 'bring a .spectamodel aboard, verified; what serves does not change'))
    .option('--json', 'one object')
    .action(async (file: string, options: Allowing & { json?: boolean }) =>
      finish(await (await aboard()).install(file, options)),
    );
  allowing(command('activate <bundle>', 'put an installed bundle (name@version) on trial'))
    .option(
      '--now',
      'switch without a trial, after its golden inputs were right here; the next start serves it',
    )
    .action(async (bundle: string, options: Allowing & { now?: boolean }) =>
      finish(await (await aboard()).activate(bundle, options)),
    );
  command('rollback', 'end a trial, or go back to what served before').action(
    async (options: { config: string }) => finish(await (await aboard()).rollback(options)),
  );
  command('list', 'what is installed, in which slot, who signed it')
    .option('--check', 'read and verify every file')
    .option(
      '--json',
      'one object: slots, and bundles with name, version, digest, slots, signedBy, bytes, fault',
    )
    .action(async (options: { config: string; check?: boolean; json?: boolean }) =>
      finish(await (await aboard()).list(options)),
    );
  command('remove <bundle>', 'remove an installed bundle that is in no slot').action(
    async (bundle: string, options: { config: string }) =>
      finish(await (await aboard()).remove(bundle, options)),
  );
  command('gc', 'remove every bundle that is in no slot').action(async (options: { config: string }) =>
    finish(await (await aboard()).gc(options)),
  );
}
