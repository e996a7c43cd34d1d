import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Ended, specta } from '../cli/specta.ts';
import { configured, TRIAL } from './flashing.ts';
import { scenario } from './scenario.ts';

scenario(
  '15 specta model flash: WAIT without a daemon, then YES and NO with their reasons',
  async (stage) => {
    const broker = await stage.broker();
    const surface = await stage.surface(broker.url);
    const camera = await stage.liveCamera('sound');
    const { file, ashore } = await configured(stage, {
      camera: { uri: camera.uri },
      surface: { broker: broker.url },
    });
    const flash = async (path: string, ...more: string[]): Promise<Ended> =>
      specta(['model', 'flash', path, '--config', file, ...more]);
    const list = async (): Promise<string> => (await specta(['model', 'list', '--config', file])).stdout;

    await mkdir(stage.stateFolder, { recursive: true });
    const waits = await flash(await ashore.pack('good', '0.1.0'));
    expect(waits.stdout).toMatch(/^WAIT\nSPECTA does not run\. tiny@0\.1\.0 is aboard/);
    expect(waits.status).toBe(2);
    expect(await list()).toMatch(/^trial +tiny@0\.1\.0, waiting$/m);

    // The trial that waits is run after the first verdict.
    stage.launch(file);
    await stage.until('it serves', () => surface.last('model')?.model?.version === '0.1.0');

    const no = await flash(await ashore.pack('wrong', '0.2.0'));
    expect(no.stdout).toMatch(
      /^NO\ntiny@0\.2\.0 is not used: Golden input.*\ntiny@0\.1\.0 goes on as before\.$/m,
    );
    expect(no.status).toBe(65);

    const yes = await flash(await ashore.pack('good', '0.3.0'), '--json');
    expect(yes.stderr).toMatch(/2\/3 .*proving[\s\S]*3\/3 .*watching/);
    expect(JSON.parse(yes.stdout)).toMatchObject({ version: '0.3.0', answer: 'YES', reason: null });
    expect(yes.status).toBe(0);
    expect(await list()).toMatch(/^in use +tiny@0\.3\.0$/m);

    const unsigned = await flash(await ashore.pack('good', '0.4.0', { signed: false }));
    expect(unsigned.stdout).toMatch(/^NO\nNobody has signed this bundle[\s\S]*Nothing was changed/);
    expect(unsigned.status).toBe(65);

    const back = await specta(['model', 'rollback', '--config', file]);
    expect(back.stdout).toBe('tiny@0.1.0 serves again.\n');
    await stage.until('it is told', () => surface.last('model')?.model?.version === '0.1.0');
  },
);

scenario(
  '15 the inbox: a whole file is taken once, and answered beside it',
  async (stage) => {
    const broker = await stage.broker();
    const surface = await stage.surface(broker.url);
    const camera = await stage.liveCamera('sound');
    const inbox = join(stage.folder, 'inbox');
    const { file, store, ashore } = await configured(stage, {
      camera: { uri: camera.uri },
      surface: { broker: broker.url },
      model: { inbox, allowUnsigned: true },
    });
    await mkdir(inbox);
    const answer = async (name: string): Promise<string> =>
      readFile(join(inbox, `${name}.result.txt`), 'utf8').catch(() => '');
    const whole = await readFile(await ashore.pack('good', '0.1.0', { signed: false }));
    // Still being copied: nothing is said of it before it is whole.
    await writeFile(join(inbox, 'a.spectamodel'), whole.subarray(0, whole.byteLength / 2));
    const daemon = stage.launch(file);
    await stage.until('it serves', () => surface.last('model')?.model);
    await writeFile(join(inbox, 'a.spectamodel'), whole);
    await stage.until('it is used', async () => (await answer('a.spectamodel')).startsWith('YES\n'));
    expect(await answer('a.spectamodel')).toContain('tiny@0.1.0 is in use.');

    // Unsigned, where that is allowed, is loud.
    expect(surface.last('model')).toMatchObject({
      model: { version: '0.1.0' },
      signature: 'unsigned',
      unsignedAllowed: true,
    });
    expect(daemon.output).toContain('NOBODY');
    const status = await specta(['status', '--config', file]);
    expect(status.stdout).toMatch(/signed by NOBODY[\s\S]*never for a dive/);

    await copyFile(await ashore.pack('broken', '0.2.0'), join(inbox, 'b.spectamodel'));
    await stage.until('it is refused', async () => (await answer('b.spectamodel')).startsWith('NO\n'));
    expect(await answer('b.spectamodel')).toMatch(/cannot be served[\s\S]*tiny@0\.1\.0 goes on/);

    // The same file under another name is the same: it is not tried again, nor after a restart.
    await daemon.stop();
    stage.forget(daemon);
    await copyFile(join(inbox, 'b.spectamodel'), join(inbox, 'c.spectamodel'));
    await writeFile(join(inbox, 'd.spectamodel'), 'no bundle at all');
    stage.launch(file);
    await stage.until('the last one is answered', async () =>
      (await answer('d.spectamodel')).startsWith('NO\n'),
    );
    expect(await answer('c.spectamodel')).toMatch(
      /^NO\nThe same content .* as b\.spectamodel, .* answered NO/,
    );
    expect(await store.slots()).toMatchObject({ current: { version: '0.1.0' }, trial: null });
  },
  { concurrent: true },
);

scenario(
  '15 a confirmed model that takes the daemon down at each start: the one before serves, and flash tries it again',
  async (stage) => {
    const broker = await stage.broker();
    const surface = await stage.surface(broker.url);
    const camera = await stage.liveCamera('sound');
    const settings = { surface: { broker: broker.url } };
    // Without a camera no verdict tells that the loading was survived.
    const { file, store, ashore } = await configured(stage, {
      ...settings,
      camera: { uri: 'v4l2:/dev/nowhere' },
    });
    const sees = await stage.configure({
      ...settings,
      camera: { uri: camera.uri },
      model: { trustedKeys: [ashore.publicKey], trial: TRIAL },
    });
    await store.install(await ashore.pack('good', '0.1.0'));
    await store.activate('tiny@0.1.0');
    const second = await ashore.pack('good', '0.2.0');
    await store.install(second);
    await store.activate('tiny@0.2.0');
    for (let start = 1; start <= 3; start += 1) {
      const dies = stage.launch(file);
      await stage.until(
        'it is being loaded',
        async () => [...(await store.loads.read()).values()][0] === start,
      );
      await dies.kill();
      stage.forget(dies);
    }
    const reason = expect.stringMatching(/ended 3 times in a row while it was being loaded/);
    stage.launch(sees);
    await stage.until('one serves', () => surface.last('model')?.model);
    expect(surface.last('model')).toMatchObject({
      slot: 'previous',
      model: { version: '0.1.0' },
      passedOver: { version: '0.2.0', reason },
    });
    const status = await specta(['status', '--config', sees]);
    expect(status.stdout).toMatch(/instead of tiny 0\.2\.0, which is passed over: SPECTA ended 3 times/);

    const again = await specta(['model', 'flash', second, '--config', sees]);
    expect(again.stdout).toMatch(/^YES\n/);
    expect(surface.last('model')).toMatchObject({ model: { version: '0.2.0' }, passedOver: null });
    expect(await store.loads.read()).toEqual(new Map());
  },
);
