import { expect, test } from 'vitest';
import { DEMO_RUN } from '../../src/footage/demo-run.ts';
import { FrameRenderer, renderFrame } from '../../src/footage/frame-renderer.ts';
import { RenderMemory } from '../../src/footage/pipe-texture.ts';
import { planRun } from '../../src/footage/plan-run.ts';
import { planStill, STILL_KINDS } from '../../src/footage/plan-still.ts';
import { renderStill } from '../../src/footage/render-still.ts';
import { Studio } from '../../src/footage/studio.ts';
import { difference, SMALL_RUN } from './pixels.ts';

const studio = new Studio();

test('the same seed gives the same pixels, whatever was rendered before', () => {
  const plan = planRun(SMALL_RUN);
  const renderer = new FrameRenderer(plan, studio);
  for (const index of [0, 5, 2]) renderer.render(index);
  const again = renderFrame(planRun(SMALL_RUN), 6, new Studio());
  const late = renderer.render(6);
  expect(Buffer.compare(late.rgb, again.rgb)).toBe(0);
  expect(late.truth).toEqual(again.truth);
});

test('another seed gives another picture', () => {
  const one = renderFrame(planRun(SMALL_RUN), 0, studio);
  const other = renderFrame(planRun({ ...SMALL_RUN, seed: 8 }), 0, studio);
  expect(difference(one.rgb, other.rgb, 160, [0, 0, 160, 90])).toBeGreaterThan(1);
});

test('memory taken over from another renderer leaves no trace', () => {
  const memory = new RenderMemory();
  new FrameRenderer(planStill(3, 'both', 200, 120), studio, memory).render(0);
  const plan = planRun(SMALL_RUN);
  const reused = new FrameRenderer(plan, studio, memory).render(2);
  const fresh = new FrameRenderer(plan, studio).render(2);
  expect(Buffer.compare(reused.rgb, fresh.rgb)).toBe(0);
});

test('a run without defects shows none', () => {
  for (const scene of ['coated', 'concrete', 'steel'] as const) {
    const plan = planRun({ seed: 5, seconds: 2, rate: 2, width: 96, height: 64, scene, defects: 'none' });
    const renderer = new FrameRenderer(plan, studio);
    for (let index = 0; index < plan.frames; index++) {
      const { truth } = renderer.render(index);
      expect(truth.visible).toEqual([]);
      expect(truth.faint).toEqual([]);
    }
  }
});

test('what the truth calls visible differs from the same frame without defects, and nothing else does', () => {
  const plan = planRun(SMALL_RUN);
  const withDefects = new FrameRenderer(plan, studio);
  const without = new FrameRenderer({ ...plan, defects: [] }, studio);
  const seen = new Set<string>();
  for (let index = 0; index < plan.frames; index++) {
    const frame = withDefects.render(index);
    const sound = without.render(index);
    for (const { id, defect, box, areaShare, contrast } of frame.truth.visible) {
      seen.add(defect);
      const [x, y, width, height] = box;
      expect(x).toBeGreaterThanOrEqual(0);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(x + width).toBeLessThanOrEqual(plan.width);
      expect(y + height).toBeLessThanOrEqual(plan.height);
      expect(width * height).toBeGreaterThan(0);
      expect(areaShare).toBeLessThanOrEqual((width * height) / (plan.width * plan.height));
      expect(contrast).toBeGreaterThan(0);
      expect(difference(frame.rgb, sound.rgb, plan.width, box), `${id} in frame ${index}`).toBeGreaterThan(
        0.5,
      );
    }
    if (frame.truth.visible.length === 0 && frame.truth.faint.length === 0)
      expect(difference(frame.rgb, sound.rgb, plan.width, [0, 0, plan.width, plan.height])).toBeLessThan(0.5);
  }
  expect([...seen].sort()).toEqual(['corrosion', 'crack']);
});

test('silt and darkness make frames blind and hide what was visible', () => {
  const plan = planRun(SMALL_RUN);
  const clear = renderFrame(plan, 2, studio);
  expect(clear.truth.visible.map((defect) => defect.defect)).toContain('corrosion');
  for (const [kind, blind] of [
    ['silt', 'turbid'],
    ['lamp-off', 'dark'],
  ] as const) {
    const { truth } = renderFrame({ ...plan, events: [{ kind, at: 1, seconds: 2 }] }, 2, studio);
    expect(truth.blind).toBe(blind);
    expect(truth.visible).toEqual([]);
    expect(truth.faint).toContain('d1');
  }
});

test('stills show what their turn asks for', () => {
  const memory = new RenderMemory();
  const options = { seed: 11, count: 4, width: 120, height: 90 };
  for (let index = 0; index < options.count; index++) {
    const { truth } = renderStill(options, index, studio, memory);
    const shown = [...new Set(truth.visible.map((defect) => defect.defect))].sort();
    const kind = STILL_KINDS[index % 4];
    expect(shown).toEqual(kind === 'intact' ? [] : kind === 'both' ? ['corrosion', 'crack'] : [kind]);
    expect(truth.blind).toBe(null);
  }
});

test('the demo run shows what it promises', () => {
  const plan = planRun({ ...DEMO_RUN, width: 160, height: 90 });
  expect(plan.frames).toBe(400);
  const renderer = new FrameRenderer(plan, studio);
  const shown = (seconds: number): string => {
    const { truth } = renderer.render(seconds * plan.rate);
    return truth.blind ?? truth.visible.map((defect) => defect.defect).join(' ');
  };
  expect([2, 8.5, 12.5, 16.5, 20.5, 24.5, 30, 33.3, 38].map(shown)).toEqual([
    '',
    'corrosion',
    '',
    'crack',
    '',
    'corrosion crack',
    '',
    'turbid',
    '',
  ]);
});

test.each([
  { width: 31 },
  { seconds: 0 },
  { rate: Number.NaN },
  { seed: 1.5 },
  { turbidity: 2 },
])('%o cannot be planned', (wrong) => {
  expect(() => planRun({ ...SMALL_RUN, ...wrong })).toThrow(expect.objectContaining({ code: 'USAGE' }));
});
