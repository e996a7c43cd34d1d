import { createNoiseAtlas, type NoiseAtlas } from './noise-atlas.ts';
import { createLightTables, type LightTables } from './optics.ts';
import type { RunPlan } from './run-plan.ts';
import { createSeabed, type SeabedTexture } from './seabed-texture.ts';

/** What renderers of many plans share, so that it is drawn once: some 0.1 s. */
export class Studio {
  readonly noise: NoiseAtlas = createNoiseAtlas();
  readonly tables: LightTables = createLightTables();
  private readonly seabeds = new Map<RunPlan['bedKind'], SeabedTexture>();

  seabed(kind: RunPlan['bedKind']): SeabedTexture {
    const known = this.seabeds.get(kind);
    if (known) return known;
    const fresh = createSeabed(kind, this.noise);
    this.seabeds.set(kind, fresh);
    return fresh;
  }
}
