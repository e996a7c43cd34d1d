import type { DefectClass } from '../domain/verdict.ts';
import { FrameRenderer, type RenderedFrame } from './frame-renderer.ts';
import type { RenderMemory } from './pipe-texture.ts';
import { planStill, STILL_KINDS, type StillKind } from './plan-still.ts';
import { mix } from './random.ts';
import type { StillsOptions } from './render-job.ts';
import type { Studio } from './studio.ts';

const ATTEMPTS = 12;

const WANTED: Readonly<Record<StillKind, readonly DefectClass[]>> = {
  intact: [],
  corrosion: ['corrosion'],
  crack: ['crack'],
  both: ['corrosion', 'crack'],
};

/**
 * Renders still number `index` (from 0): a view of its own plan. The kind turns with the index; a view in which the
 * wanted defects cannot be told is drawn again from the next plan, so that the kinds stay balanced. When no attempt
 * shows them (water too murky by request) the last one is kept: its truth says what it shows.
 */
export function renderStill(
  options: StillsOptions,
  index: number,
  studio: Studio,
  memory: RenderMemory,
): RenderedFrame {
  const kind = options.defects === 'none' ? 'intact' : (STILL_KINDS[index % STILL_KINDS.length] as StillKind);
  const fixed = {
    ...(options.scene === undefined ? {} : { scene: options.scene }),
    ...(options.turbidity === undefined ? {} : { turbidity: options.turbidity }),
  };
  for (let attempt = 0; ; attempt++) {
    const seed = mix(mix(options.seed) ^ Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(attempt, 0x632be5ab));
    const plan = planStill(seed, kind, options.width, options.height, fixed);
    const frame = new FrameRenderer(plan, studio, memory).render(0);
    const shown = new Set(frame.truth.visible.map((defect) => defect.defect));
    const good = frame.truth.blind === null && WANTED[kind].every((defect) => shown.has(defect));
    if (good || attempt === ATTEMPTS - 1)
      return {
        rgb: frame.rgb,
        truth: {
          ...frame.truth,
          frame: index + 1,
          file: `still-${String(index + 1).padStart(6, '0')}.jpg`,
          seconds: 0,
        },
      };
  }
}
