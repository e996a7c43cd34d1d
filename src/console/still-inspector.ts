import { z } from 'zod';
import type { Advice } from '../domain/finding.ts';
import type { Bundle } from '../domain/manifest.ts';
import { DEFECT_CLASSES } from '../domain/verdict.ts';
import { SpectaError } from '../platform/errors.ts';
import { annotateImage } from '../record/annotate.ts';
import { type DefectWords, type JudgedStill, stillCaption } from '../record/still-caption.ts';
import { probability } from '../surface/messages/envelope.ts';
import { modelReferenceSchema } from '../surface/messages/model-reference.ts';
import { MOST_PICTURE_BYTES } from '../surface/messages/request.ts';
import { sightSchema } from '../surface/messages/vehicle.ts';
import { stillFormatOf } from '../vision/still.ts';
import { startVision, type Vision } from '../vision/vision.ts';
import type { Asking } from './asking.ts';
import { readAs } from './heard.ts';

/** What a model said of a picture, and the picture with that written below it. */
export interface InspectedStill extends JudgedStill {
  /** Who judged: this machine, or a vehicle. */
  readonly by: string;
  readonly milliseconds: number;
  /** JPEG, Base64. */
  readonly annotated: string;
  readonly advice: Advice | null;
}

/** What `classify` answers, as far as it is needed here. */
const judgedSchema = z.looseObject({
  label: sightSchema.shape.label,
  blind: sightSchema.shape.blind,
  probabilities: sightSchema.shape.probabilities,
  thresholds: z.partialRecord(z.enum(['corrosion', 'crack']), probability).optional(),
  model: modelReferenceSchema,
  milliseconds: z.number().min(0).optional(),
});

/**
 * Judges pictures that an operator drops on the page: by the model of a vehicle, or by one on this machine. The only
 * part of the console that knows vision and models.
 */
export class StillInspector implements AsyncDisposable {
  /** `name version` of the model on this machine; null without one. */
  readonly localModel: string | null;
  private readonly asking: Asking;
  private readonly bundle: Bundle | null;
  private readonly signal: AbortSignal;
  private vision: Promise<Vision> | null = null;
  private sequence = 0;

  /** @param bundle judges on this machine; null: only vehicles do */
  constructor(asking: Asking, bundle: Bundle | null, signal: AbortSignal) {
    this.asking = asking;
    this.bundle = bundle;
    this.signal = signal;
    const manifest = bundle?.manifest;
    this.localModel = manifest === undefined ? null : `${manifest.name} ${manifest.version}`;
  }

  /** Loads the model of this machine, if there is one, so that the first picture need not wait. Rejects as `startVision` does. */
  async warm(): Promise<void> {
    if (this.bundle !== null) await this.started(this.bundle);
  }

  /** One that could not start, or died, is started anew for the next picture. */
  private async started(bundle: Bundle): Promise<Vision> {
    this.vision ??= startVision({
      ...{ bundle, provider: 'cpu', threads: 1, stills: true, signal: this.signal },
    }).then((vision) => {
      vision.onFailure(() => {
        this.vision = null;
      });
      return vision;
    });
    try {
      return await this.vision;
    } catch (error) {
      this.vision = null;
      throw error;
    }
  }

  /**
   * Judges a picture file.
   *
   * @param vehicle who shall judge it; null: this machine
   * @param advice what is recommended for each defect, where the vehicle has said so
   * @throws SpectaError of the picture (`IMAGE_…`), of the request, or `REQUEST_REFUSED` without a model here
   */
  async inspect(
    image: Uint8Array<ArrayBuffer>,
    vehicle: string | null,
    advice: (defect: 'corrosion' | 'crack') => Advice | null,
  ): Promise<InspectedStill> {
    if (stillFormatOf(image) === null) {
      throw new SpectaError(
        'IMAGE_UNSUPPORTED',
        'This is no picture that SPECTA reads.',
        'Give a JPEG, PNG, WebP, TIFF, GIF or AVIF file.',
      );
    }
    return vehicle === null ? this.here(image) : this.aboard(image, vehicle, advice);
  }

  private async here(image: Uint8Array<ArrayBuffer>): Promise<InspectedStill> {
    const { bundle } = this;
    if (bundle === null) {
      throw new SpectaError(
        'REQUEST_REFUSED',
        'This console has no model of its own.',
        'Start it with --model, or choose a vehicle.',
      );
    }
    const vision = await this.started(bundle);
    const began = performance.now();
    this.sequence += 1;
    const { verdict } = await vision.judge({
      ...{ sequence: this.sequence, width: 0, height: 0, stride: 0, range: 'full', source: 'console' },
      capturedAt: { monoMs: began, utcMs: Date.now() },
      format: stillFormatOf(image) ?? 'jpeg',
      // The worker takes the bytes; the picture is drawn on afterwards.
      data: image.slice(),
    });
    const milliseconds = performance.now() - began;
    return drawn(image, verdict, bundle.manifest.defects, { by: 'console', milliseconds });
  }

  private async aboard(
    image: Uint8Array<ArrayBuffer>,
    vehicle: string,
    advice: (defect: 'corrosion' | 'crack') => Advice | null,
  ): Promise<InspectedStill> {
    if (image.byteLength > MOST_PICTURE_BYTES) {
      throw new SpectaError(
        'IMAGE_TOO_LARGE',
        `The picture has ${(image.byteLength / 1e6).toFixed(1)} MB; a vehicle takes ${(MOST_PICTURE_BYTES / 1e6).toFixed(1)} MB.`,
        'Make it smaller, or start the console with --model to judge it here.',
      );
    }
    const began = performance.now();
    const answer = await this.asking.ask(vehicle, 'classify', {
      image: Buffer.from(image).toString('base64'),
    });
    const judged = readAs(judgedSchema, answer);
    if (judged === undefined) {
      throw new SpectaError(
        'REQUEST_REFUSED',
        `${vehicle} answered something that this version does not understand.`,
        'Use the same version of SPECTA on both sides.',
      );
    }
    const defects: DefectWords = Object.fromEntries(
      DEFECT_CLASSES.map((name) => [name, { on: judged.thresholds?.[name] ?? 2, advice: advice(name) }]),
    );
    const milliseconds = judged.milliseconds ?? performance.now() - began;
    return drawn(image, judged, defects, { by: vehicle, milliseconds });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const vision = await this.vision?.catch(() => null /* it never started */);
    await vision?.close();
  }
}

async function drawn(
  image: Uint8Array,
  judged: JudgedStill,
  defects: DefectWords,
  told: { readonly by: string; readonly milliseconds: number },
): Promise<InspectedStill> {
  const { label, blind, probabilities, model } = judged;
  const { jpeg } = await annotateImage(image, stillCaption(judged, defects));
  const advice = label === 'crack' || label === 'corrosion' ? (defects[label]?.advice ?? null) : null;
  return {
    ...told,
    label,
    blind,
    probabilities: { ...probabilities },
    model: { name: model.name, version: model.version },
    annotated: Buffer.from(jpeg).toString('base64'),
    advice,
  };
}
