import type { ModelStore } from '../../src/model/model-store.ts';
import { archiveOfBundle, smallBundle, testKey } from '../fixtures/small-bundle.ts';

/** The boot that is at work when the power goes. */
export const BOOT = 'boot-1';

const first = testKey();
const second = testKey();
export const KEYS = [first.trusted, second.trusted];

const shipped = smallBundle('0.9.0');
const a = smallBundle('1.0.0');
const b = smallBundle('1.1.0');
const c = smallBundle('1.2.0');
export const SHIPPED = shipped.id;

/** What a technician's stick holds. */
export const STICK: Readonly<Record<string, Uint8Array>> = {
  '/stick/a': archiveOfBundle(a, first),
  '/stick/b': archiveOfBundle(b, first),
  '/stick/c': archiveOfBundle(c, first),
  '/stick/b-signed-anew': archiveOfBundle(b, second),
};

/** What serves once a vehicle was flashed anew. */
export const FLASHED = c.id.digest;

/** What serves: a digest, or the bundle that came with SPECTA. */
export type Serving = 'shipped' | string;

export interface Scenario {
  readonly name: string;
  /** What happened before, all of it long on the disk. */
  readonly before: (store: ModelStore) => Promise<unknown>;
  /** A file that the disk damages afterwards, and the version it belongs to. */
  readonly damaged?: { readonly file: string; readonly version: string };
  /** What the power goes behind every step of. */
  readonly act: (store: ModelStore) => Promise<unknown>;
  readonly old: Serving;
  /** What serves once `act` has come back. */
  readonly now: Serving;
  /** Bundles that are installed once `act` has come back. */
  readonly installed: readonly string[];
}

const install = (store: ModelStore, file: string): Promise<unknown> => store.install(`/stick/${file}`);

async function serve(store: ModelStore, file: string, reference: string): Promise<void> {
  await install(store, file);
  await store.activate(reference);
}

async function onTrial(store: ModelStore): Promise<void> {
  await serve(store, 'a', 'small@1.0.0');
  await install(store, 'b');
  await store.requestTrial('small@1.1.0');
}

async function begun(store: ModelStore): Promise<void> {
  await onTrial(store);
  await store.beginTrial(BOOT);
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'install, the first',
    before: async () => undefined,
    act: (store) => install(store, 'a'),
    old: 'shipped',
    now: 'shipped',
    installed: ['1.0.0'],
  },
  {
    name: 'install beside the one that serves',
    before: (store) => serve(store, 'a', 'small@1.0.0'),
    act: (store) => install(store, 'b'),
    old: a.id.digest,
    now: a.id.digest,
    installed: ['1.0.0', '1.1.0'],
  },
  {
    name: 'install over a damaged one',
    before: async (store) => {
      await serve(store, 'a', 'small@1.0.0');
      await install(store, 'b');
    },
    damaged: { version: '1.1.0', file: `/state/models/bundles/small@1.1.0@${b.id.digest}/model.onnx` },
    act: (store) => install(store, 'b'),
    old: a.id.digest,
    now: a.id.digest,
    installed: ['1.0.0', '1.1.0'],
  },
  {
    name: 'install the one that serves, signed by the next key',
    before: (store) => serve(store, 'b', 'small@1.1.0'),
    act: (store) => install(store, 'b-signed-anew'),
    old: b.id.digest,
    now: b.id.digest,
    installed: ['1.1.0'],
  },
  {
    name: 'activate, the first',
    before: (store) => install(store, 'a'),
    act: (store) => store.activate('small@1.0.0'),
    old: 'shipped',
    now: a.id.digest,
    installed: ['1.0.0'],
  },
  {
    name: 'activate',
    before: async (store) => {
      await serve(store, 'a', 'small@1.0.0');
      await install(store, 'b');
    },
    act: (store) => store.activate('small@1.1.0'),
    old: a.id.digest,
    now: b.id.digest,
    installed: ['1.0.0', '1.1.0'],
  },
  {
    name: 'trial asked for',
    before: async (store) => {
      await serve(store, 'a', 'small@1.0.0');
      await install(store, 'b');
    },
    act: (store) => store.requestTrial('small@1.1.0'),
    old: a.id.digest,
    now: a.id.digest,
    installed: ['1.0.0', '1.1.0'],
  },
  {
    name: 'trial begun',
    before: onTrial,
    act: (store) => store.beginTrial(BOOT),
    old: a.id.digest,
    now: a.id.digest,
    installed: ['1.0.0', '1.1.0'],
  },
  {
    name: 'trial confirmed',
    before: begun,
    act: (store) => store.confirmTrial(BOOT),
    old: a.id.digest,
    now: b.id.digest,
    installed: ['1.0.0', '1.1.0'],
  },
  {
    name: 'trial failed',
    before: begun,
    act: (store) => store.endTrial('it disagrees', BOOT),
    old: a.id.digest,
    now: a.id.digest,
    installed: ['1.0.0', '1.1.0'],
  },
  {
    name: 'rollback',
    before: async (store) => {
      await serve(store, 'a', 'small@1.0.0');
      await serve(store, 'b', 'small@1.1.0');
    },
    act: (store) => store.rollback(),
    old: b.id.digest,
    now: a.id.digest,
    installed: ['1.0.0', '1.1.0'],
  },
  {
    name: 'gc',
    before: async (store) => {
      await serve(store, 'a', 'small@1.0.0');
      await serve(store, 'b', 'small@1.1.0');
      await serve(store, 'c', 'small@1.2.0');
    },
    act: (store) => store.gc(),
    old: c.id.digest,
    now: c.id.digest,
    installed: ['1.1.0', '1.2.0'],
  },
  {
    name: 'remove',
    before: async (store) => {
      await serve(store, 'a', 'small@1.0.0');
      await install(store, 'b');
    },
    act: (store) => store.remove('small@1.1.0'),
    old: a.id.digest,
    now: a.id.digest,
    installed: ['1.0.0'],
  },
  {
    name: 'start behind a trial that nobody confirmed',
    before: begun,
    act: (store) => store.recover('boot-2'),
    old: a.id.digest,
    now: a.id.digest,
    installed: ['1.0.0', '1.1.0'],
  },
  {
    name: 'all of it: install, trial, confirm, gc',
    before: (store) => serve(store, 'a', 'small@1.0.0'),
    act: async (store) => {
      await install(store, 'b');
      await store.requestTrial('small@1.1.0');
      await store.beginTrial(BOOT);
      await store.confirmTrial(BOOT);
      await store.gc();
    },
    old: a.id.digest,
    now: b.id.digest,
    installed: ['1.0.0', '1.1.0'],
  },
];
