/** What the pipe is covered with: a polymer or paint coat, a concrete weight coat, or nothing. */
export type SceneKind = 'coated' | 'concrete' | 'steel';

export type DefectDensity = 'none' | 'some' | 'many';

/** Red, green, blue; meaning by use. */
export type Colour = readonly [number, number, number];

/** Where things lie on the unrolled pipe: `z` along it, `s` around it from the line facing the camera; metres. */
export interface Place {
  readonly z: number;
  readonly s: number;
}

/** A patch of corrosion. */
export interface CorrosionPlan extends Place {
  readonly id: string;
  readonly defect: 'corrosion';
  /** Half lengths along and around the pipe, metres. */
  readonly halfLength: number;
  readonly halfWidth: number;
  /** Share of pits and of flakes, 0..1; what is left is plain stain. */
  readonly pits: number;
  readonly flakes: number;
  /** How broken up the edge is, 0..1. */
  readonly ragged: number;
  readonly seed: number;
}

/** A crack with its branches. */
export interface CrackPlan extends Place {
  readonly id: string;
  readonly defect: 'crack';
  /** Metres from end to end. */
  readonly length: number;
  /** Widest opening, metres. */
  readonly width: number;
  /** Direction, radians from the pipe's axis. */
  readonly direction: number;
  /** Mean number of branches. */
  readonly branches: number;
  readonly seed: number;
}

export type DefectPlan = CorrosionPlan | CrackPlan;

export interface WeldPlan {
  readonly kind: 'weld';
  readonly z: number;
  /** Half width of the field joint's band, metres; 0 = only the bead. */
  readonly band: number;
  readonly seed: number;
}

export interface AnodePlan {
  readonly kind: 'anode';
  readonly z: number;
  readonly halfLength: number;
  readonly seed: number;
}

export interface GrowthPlan extends Place {
  readonly kind: 'growth';
  readonly form: 'barnacles' | 'algae' | 'worms';
  readonly radius: number;
  readonly seed: number;
}

export interface ScratchPlan extends Place {
  readonly kind: 'scratch';
  readonly length: number;
  readonly direction: number;
  readonly seed: number;
}

export type DistractorPlan = WeldPlan | AnodePlan | GrowthPlan | ScratchPlan;

/** Something that happens for a while. `silt`: a cloud drifts through. `lamp-off`: the vehicle's lamps are out. */
export interface EventPlan {
  readonly kind: 'silt' | 'lamp-off';
  /** Middle of it, seconds from the start. */
  readonly at: number;
  readonly seconds: number;
}

/** How the camera looks at the pipe. */
export interface View {
  /** Where the vehicle flies: radians around the pipe, 0 = straight above. */
  readonly angle: number;
  /** Metres from camera to surface. */
  readonly distance: number;
  /** Tilt of the view ahead along the pipe, radians. */
  readonly ahead: number;
  /** Where the picture's upper edge points: 0 = along the pipe, ±π/2 = around it; radians. */
  readonly turn: number;
  /** Horizontal field of view, radians. */
  readonly field: number;
  /** Size of sway, 0 = none, 1 = usual. */
  readonly sway: number;
}

/** The light and the water. */
export interface Water {
  /** 0 clear..1 murky. */
  readonly turbidity: number;
  /** Absorbed per metre, by colour. */
  readonly absorption: Colour;
  /** Colour of scattered light. */
  readonly tint: Colour;
  /** Daylight that reaches the pipe, 0..1 of the lamps' light. */
  readonly daylight: number;
  /** Number of drifting particles in view, about. */
  readonly particles: number;
}

/** The camera's picture. */
export interface Sensor {
  /** Luma of a mid-grey surface under the lamps, 0..1. */
  readonly exposure: number;
  /** How far the camera corrects the water's colour, 0..1. */
  readonly whiteBalance: number;
  /** Deviation of noise, grey levels. */
  readonly noise: number;
  /** Softness of the optics, px. */
  readonly blur: number;
  /** Share of the light from the left lamp, 0..1. */
  readonly leftLamp: number;
}

/** Looks of the pipe that differ from run to run. */
export interface Surface {
  readonly scene: SceneKind;
  /** Linear albedo by colour. */
  readonly paint: Colour;
  /** Silt on the upper side, 0..1. */
  readonly dust: number;
  /** Thin growth all over, 0..1. */
  readonly fouling: number;
  /** Roughness of the surface, about 1. */
  readonly rough: number;
  readonly seed: number;
}

/** What a run is asked to be. */
export interface RunOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Frames a second. */
  readonly rate: number;
  readonly width: number;
  readonly height: number;
  readonly scene?: SceneKind;
  readonly defects?: DefectDensity;
  /** 0 clear..1 murky. */
  readonly turbidity?: number;
  /** Metres a second along the pipe; default 0.25. */
  readonly speed?: number;
  /** Lays the run out by hand instead of by chance. */
  readonly script?: readonly ScriptItem[];
  /** Parts of the view, water and sensor to fix. */
  readonly view?: Partial<View>;
  readonly water?: Partial<Water>;
  readonly sensor?: Partial<Sensor>;
  readonly surface?: Partial<Surface>;
  /** Radius of the pipe and level and kind of the bed, as in {@link RunPlan}. */
  readonly pipe?: Partial<Pick<RunPlan, 'radius' | 'bed' | 'bedKind'>>;
}

/** One thing of a scripted run; `at` = second at which the picture's centre passes it. What is not given is drawn. */
export type ScriptItem = { readonly at: number } & (
  | ({ readonly item: 'corrosion' } & Partial<Omit<CorrosionPlan, 'defect' | 'z' | 'id'>>)
  | ({ readonly item: 'crack' } & Partial<Omit<CrackPlan, 'defect' | 'z' | 'id'>>)
  | { readonly item: 'weld' }
  | { readonly item: 'anode' }
  | { readonly item: 'scratch' }
  | ({ readonly item: 'growth' } & Partial<Omit<GrowthPlan, 'kind' | 'z'>>)
  | { readonly item: 'silt'; readonly seconds: number }
  | { readonly item: 'lamp-off'; readonly seconds: number }
);

/** Everything a renderer needs: plain data, the same for the same options. */
export interface RunPlan {
  readonly seed: number;
  readonly frames: number;
  readonly rate: number;
  readonly width: number;
  readonly height: number;
  /** Metres a second along the pipe. */
  readonly speed: number;
  /** Outer radius of the pipe, metres. */
  readonly radius: number;
  /** Level of the seabed above (below: negative) the pipe's axis, metres. */
  readonly bed: number;
  readonly bedKind: 'sand' | 'mud' | 'gravel';
  readonly view: View;
  readonly water: Water;
  readonly sensor: Sensor;
  readonly surface: Surface;
  /** By z. */
  readonly defects: readonly DefectPlan[];
  /** By z. */
  readonly distractors: readonly DistractorPlan[];
  readonly events: readonly EventPlan[];
}

/** Version of the renderer: pixels are the same for the same plan and version. Raise it with every visible change. */
export const RENDERER_VERSION = 2;
