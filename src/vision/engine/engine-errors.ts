import { SpectaError } from '../../platform/errors.ts';

/** The first line of what was thrown: native libraries add pages below it. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0];
}

/** The provider asked for does not work here. */
export function providerAbsent(
  provider: string,
  there: readonly string[],
  reason: string,
  cause?: unknown,
): SpectaError {
  return new SpectaError(
    'PROVIDER_ABSENT',
    `Provider ${provider} is not there (${reason}). There is: ${there.join(', ')}.`,
    'Name one that is there as the engine provider, or install what this one needs.',
    cause,
  );
}

/** The network's file is at fault. */
export function notServable(modelFile: string, reason: string, cause?: unknown): SpectaError {
  return new SpectaError(
    'BUNDLE_NOT_SERVABLE',
    `The network ${modelFile} cannot be served: ${reason}.`,
    'Use a bundle made for this version of SPECTA, or export the model again.',
    cause,
  );
}

/** One inference failed. */
export function runFailed(provider: string, reason: string, cause?: unknown): SpectaError {
  return new SpectaError(
    'ENGINE_FAILED',
    `The network did not run on ${provider}: ${reason}.`,
    'Look at the memory of the machine and of its GPU; use provider cpu if it happens again.',
    cause,
  );
}

/** A run after the end. */
export function engineClosed(): SpectaError {
  return new SpectaError('ENGINE_FAILED', 'The engine is closed.', 'Start vision again.');
}

/** What a network must take, in words. */
export function picturesWords(pictures: number): string {
  return pictures === 1 ? 'one picture of fixed size' : `${pictures} pictures of fixed size at once`;
}
