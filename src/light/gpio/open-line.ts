import { ChardevLine } from './chardev.ts';
import type { GpioLine } from './gpio-line.ts';
import { SimulatedLine } from './simulated.ts';
import { SysfsLine } from './sysfs.ts';

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

/** The line that the configuration names, not taken yet: that is the light's to do. */
export function openLine(config: LineConfig): GpioLine {
  switch (config.kind) {
    case 'simulated':
      return new SimulatedLine();
    case 'chardev':
      return new ChardevLine(config);
    case 'sysfs':
      return new SysfsLine(config);
  }
}
