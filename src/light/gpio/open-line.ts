import { SpectaError } from '../../platform/errors.ts';
import type { GpioLine } from './gpio-line.ts';
import { SimulatedLine } from './simulated.ts';

/** Which line carries the alert light; from the configuration. */
export type LineConfig =
  | { readonly kind: 'simulated' }
  | {
      /** The kernel's character device, or its older sysfs interface. */
      readonly kind: 'chardev' | 'sysfs';
      /** `gpiochip0`, its label, or its path. */
      readonly chip: string;
      /** Offset on the chip, or the line's name. */
      readonly line: number | string;
      /** The lamp shines when the pin is low. */
      readonly activeLow: boolean;
    };

/** The line that the configuration names, not taken yet: that is the light's to do. Throws `LIGHT_UNSUPPORTED`. */
export function openLine(config: LineConfig): GpioLine {
  if (config.kind === 'simulated') return new SimulatedLine();
  throw new SpectaError(
    'LIGHT_UNSUPPORTED',
    `The light is configured on ${config.chip} line ${config.line} through ${config.kind}, which this build cannot drive.`,
    'The board build brings chardev and sysfs lines; until then use a light of kind simulated.',
  );
}
