import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BundleId } from '../../src/model/admission.ts';
import { compareVersions } from '../../src/model/bundle-versions.ts';
import {
  activate,
  atStart,
  beginTrial,
  confirmTrial,
  endTrial,
  FIRST_SLOTS,
  neededBy,
  requestTrial,
  rollback,
  type Slots,
} from '../../src/model/slots.ts';
import { readSlots, setSlotsAside, writeSlots } from '../../src/model/slots-file.ts';
import { SpectaError } from '../../src/platform/errors.ts';
import { filesOver } from '../../src/platform/files.ts';
import { VolatileDisk } from '../faults/volatile-disk.ts';

const id = (name: string, version: string): BundleId => ({
  name,
  version,
  digest: Buffer.from(`${name}@${version}`).toString('hex').padEnd(64, '0').slice(0, 64),
});
const A = id('pipe', '1.0.0');
const B = id('pipe', '1.1.0');
const pointer = (bundle: BundleId) => ({ kind: 'installed', ...bundle });

test('a trial that passes: the new one serves, the old one is kept for going back', () => {
  let slots = activate(FIRST_SLOTS, A, 1);
  slots = confirmTrial(beginTrial(requestTrial(slots, B, 2), 'boot'), 'boot', 3);
  expect(slots).toMatchObject({
    current: pointer(B),
    previous: pointer(A),
    trial: null,
    lastTrial: { bundle: B, confirmed: true, reason: null, utcMs: 3 },
    served: [B],
  });
  expect(rollback(slots, 4)).toMatchObject({ current: pointer(A), previous: null });
});

test('the first model that was flashed can be left for the one that came with SPECTA', () => {
  expect(rollback(activate(FIRST_SLOTS, A, 1), 2)).toMatchObject({ current: { kind: 'shipped' } });
});

test('a daemon that dies during a trial comes back on the old one, and the reason is kept', () => {
  const begun = beginTrial(requestTrial(activate(FIRST_SLOTS, A, 1), B, 2), 'boot-1');
  expect(atStart(begun, 'boot-1', 3)).toBe(begun);
  expect(atStart(begun, 'boot-2', 3)).toMatchObject({
    current: pointer(A),
    trial: null,
    lastTrial: { bundle: B, confirmed: false, reason: expect.stringContaining('ended before') },
  });
});

test('a trial that waits is still there after a start', () => {
  const waiting = requestTrial(FIRST_SLOTS, B, 2);
  expect(atStart(waiting, 'boot-2', 3)).toBe(waiting);
});

test('another boot cannot confirm, and nothing else can be begun meanwhile', () => {
  const begun = beginTrial(requestTrial(FIRST_SLOTS, B, 2), 'boot-1');
  expect(() => confirmTrial(begun, 'boot-2', 3)).toThrow(expect.objectContaining({ code: 'SLOT_EMPTY' }));
  for (const act of [
    () => requestTrial(begun, A, 3),
    () => activate(begun, A, 3),
    () => beginTrial(begun, 'x'),
  ])
    expect(act).toThrow(expect.objectContaining({ code: 'TRIAL_UNDERWAY' }));
});

test('rollback ends a trial first; without anything to go back to it says so', () => {
  const begun = beginTrial(requestTrial(activate(FIRST_SLOTS, A, 1), B, 2), 'boot-1');
  expect(rollback(begun, 3)).toMatchObject({
    current: pointer(A),
    previous: { kind: 'shipped' },
    trial: null,
  });
  expect(() => rollback(FIRST_SLOTS, 1)).toThrow(expect.objectContaining({ code: 'SLOT_EMPTY' }));
});

type Step = (slots: Slots, boot: string) => Slots;
const bundle = fc
  .tuple(fc.constantFrom('pipe', 'hull'), fc.nat(2), fc.nat(2))
  .map(([name, minor, patch]) => id(name, `1.${minor}.${patch}`));
const step: fc.Arbitrary<readonly [string, Step]> = fc.oneof(
  bundle.map((each) => ['request', (slots: Slots) => requestTrial(slots, each, 1)] as const),
  bundle.map((each) => ['activate', (slots: Slots) => activate(slots, each, 1)] as const),
  fc.constant(['begin', (slots: Slots, boot: string) => beginTrial(slots, boot)] as const),
  fc.constant(['confirm', (slots: Slots, boot: string) => confirmTrial(slots, boot, 1)] as const),
  fc.constant(['end', (slots: Slots) => endTrial(slots, 'because', 1)] as const),
  fc.constant(['rollback', (slots: Slots) => rollback(slots, 1)] as const),
  fc.constant(['restart', (slots: Slots, boot: string) => atStart(slots, boot, 1)] as const),
);

test('whatever is done in whatever order: what serves changes only by confirm, activate and rollback', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let slots = FIRST_SLOTS;
      let boot = 0;
      for (const [name, act] of steps) {
        if (name === 'restart') boot += 1;
        const before = slots;
        try {
          slots = act(slots, `boot-${boot}`);
        } catch (error) {
          if (!(error instanceof SpectaError)) throw error;
          expect(['TRIAL_UNDERWAY', 'SLOT_EMPTY']).toContain(error.code);
          continue;
        }
        if (!['confirm', 'activate', 'rollback'].includes(name)) expect(slots.current).toBe(before.current);
        if (name === 'confirm')
          expect(before.trial).toMatchObject({
            phase: { kind: 'begun', boot: `boot-${boot}` },
            bundle: { digest: slots.current.kind === 'installed' ? slots.current.digest : '' },
          });
        if (name === 'restart' && slots.trial !== null) expect(slots.trial.phase.kind).toBe('waiting');
        // What may have to serve is never given away.
        const needed = neededBy(slots).map(({ digest }) => digest);
        for (const each of [slots.current, slots.previous])
          if (each?.kind === 'installed') expect(needed).toContain(each.digest);
        if (slots.trial !== null) expect(needed).toContain(slots.trial.bundle.digest);
        for (const { name: model, version } of before.served) {
          const now = slots.served.find((each) => each.name === model);
          expect(compareVersions(now?.version ?? '0.0.0', version)).toBeGreaterThanOrEqual(0);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('slots are read as they were written; a file that is none of ours is told and set aside', async () => {
  const fs = filesOver(new VolatileDisk().calls);
  await fs.mkdir('/models');
  expect(await readSlots(fs, '/models')).toEqual(FIRST_SLOTS);
  const slots = beginTrial(requestTrial(activate(FIRST_SLOTS, A, 1), B, 2), 'boot-1');
  await writeSlots(fs, '/models', slots);
  expect(await readSlots(fs, '/models')).toEqual(slots);
  for (const text of [
    '',
    '{',
    'null',
    '{"schema":2}',
    JSON.stringify({ ...slots, current: { kind: 'other' } }),
  ]) {
    await fs.writeFile('/models/slots.json', new TextEncoder().encode(text));
    await expect(readSlots(fs, '/models')).rejects.toMatchObject({ code: 'SLOTS_CORRUPT' });
  }
  await setSlotsAside(fs, '/models');
  expect(await readSlots(fs, '/models')).toEqual(FIRST_SLOTS);
});
