import type { Frame } from '../../domain/frame.ts';
import type { DefectClass } from '../../domain/verdict.ts';
import type { Clock } from '../../platform/clock.ts';
import { SpectaError } from '../../platform/errors.ts';
import { modelReference } from '../../surface/messages/model-reference.ts';
import { type DataOf, MOST_PICTURE_BYTES } from '../../surface/messages/request.ts';
import { stillFormatOf } from '../../vision/still.ts';
import type { Vision } from '../../vision/vision.ts';
import type { RunControl } from '../run-control.ts';

/** What judging somebody's picture needs of the daemon. */
export interface ClassifyParts {
  /** null while the engine is not ready. */
  readonly vision: Vision | null;
  readonly runs: RunControl;
  readonly clock: Clock;
  readonly thresholds: Readonly<Partial<Record<DefectClass, number>>>;
  /** Whether pictures are judged while a run is under way. */
  readonly duringRun: boolean;
}

/** Judges pictures that people send, one at a time: the camera's frames come first. */
export class PictureDesk {
  private readonly parts: () => ClassifyParts;
  private busy = false;
  private judged = 0;

  /** @param parts throws while the daemon starts or stops */
  constructor(parts: () => ClassifyParts) {
    this.parts = parts;
  }

  /**
   * @param image Base64 of a picture file
   * Rejects with `REQUEST_REFUSED` (a run, no engine), `REQUEST_BUSY`, `REQUEST_TOO_LARGE`, and the picture's own code.
   */
  async classify(image: string): Promise<DataOf<'classify'>> {
    const { vision, runs, clock, thresholds, duringRun } = this.parts();
    if (runs.current !== null && !duringRun) {
      throw refused(
        'A run is under way, and the engine is its own.',
        'Ask after the run, or set requests.classifyDuringRun in the configuration.',
      );
    }
    if (vision === null) {
      throw refused('The engine is not ready.', 'specta status says what the engine lacks.');
    }
    if (this.busy) {
      throw new SpectaError('REQUEST_BUSY', 'Another picture is being judged.', 'Ask again in a moment.');
    }
    this.busy = true;
    try {
      const began = clock.now().monoMs;
      this.judged += 1;
      const { verdict } = await vision.judgeStill(stillFrame(picture(image), this.judged, clock));
      const { mean, saturatedShare, sharpness, localContrast } = verdict.quality;
      return {
        label: verdict.label,
        blind: verdict.blind,
        probabilities: { ...verdict.probabilities },
        quality: { mean, saturatedShare, sharpness, localContrast },
        thresholds: { ...thresholds },
        model: modelReference(verdict.model),
        milliseconds: clock.now().monoMs - began,
      };
    } finally {
      this.busy = false;
    }
  }
}

function picture(image: string): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(Buffer.from(image, 'base64'));
  if (data.byteLength <= MOST_PICTURE_BYTES) return data;
  throw new SpectaError(
    'REQUEST_TOO_LARGE',
    `A picture has at most ${MOST_PICTURE_BYTES} bytes; this one has ${data.byteLength}.`,
    'Send a smaller copy: the network sees a few hundred pixels only.',
  );
}

/** Bytes that are no picture are given on as JPEG, whose decoder says what they are not. */
function stillFrame(data: Uint8Array<ArrayBuffer>, sequence: number, clock: Clock): Frame {
  const nothing = { width: 0, height: 0, stride: 0 };
  const format = stillFormatOf(data) ?? 'jpeg';
  return { ...nothing, sequence, capturedAt: clock.now(), format, range: 'full', data, source: 'request' };
}

function refused(message: string, help: string): SpectaError {
  return new SpectaError('REQUEST_REFUSED', message, help);
}
