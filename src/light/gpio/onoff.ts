import { createRequire } from 'node:module';
import { SpectaError } from '../../platform/errors.ts';

/** What SPECTA uses of onoff's `Gpio`. */
export interface OnoffGpio {
  readSync(): number;
  writeSync(value: 0 | 1): void;
  /** Closes what it holds and unexports the line. */
  unexport(): void;
}

/** `place` follows `/sys/class/gpio/gpio` in the path of the line's folder: a number for onoff's own way. */
type OnoffConstructor = new (
  place: string,
  direction: 'high' | 'low',
  options: { readonly activeLow: boolean },
) => OnoffGpio;

/**
 * Loads onoff, an optional dependency. Its `epoll` has no prebuilt binary, and SPECTA installs without running install
 * scripts, so that it works only after `scripts/build-onoff.mjs`. Throws `LIGHT_FAILED`.
 */
export function loadOnoff(): OnoffConstructor {
  try {
    const { Gpio } = createRequire(import.meta.url)('onoff') as { readonly Gpio: OnoffConstructor };
    return Gpio;
  } catch (error) {
    const [line = ''] = String(error instanceof Error ? error.message : error).split('\n');
    throw new SpectaError(
      'LIGHT_FAILED',
      `onoff, which drives lines through sysfs, cannot be loaded: ${line}`,
      'Use light.line.kind: chardev, or compile what it needs with node scripts/build-onoff.mjs.',
      error,
    );
  }
}
