import { asSpectaError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { SupervisedVision } from '../supervised-vision.ts';
import type { OnboardModels } from './onboard-models.ts';

/**
 * Loads the model that serves. One that was flashed and does not load any more (another library, another board) is passed
 * over for the one before, or the one that came with SPECTA; that is told, and slots are left as they are. A stop signal
 * meanwhile ends the loading, however long it would take, and rejects with its reason; else rejects with the first error
 * when no model loads.
 */
export async function startServing(
  vision: SupervisedVision,
  models: OnboardModels,
  log: Logger,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stop = (): void => {
    void vision.stop();
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    signal?.throwIfAborted();
    await models.loads.begin(models.serving);
    await vision.start();
    models.loads.loaded();
  } catch (error) {
    signal?.throwIfAborted();
    await startAnother(vision, models, log, signal, error);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  signal?.throwIfAborted();
}

async function startAnother(
  vision: SupervisedVision,
  models: OnboardModels,
  log: Logger,
  signal: AbortSignal | undefined,
  first: unknown,
): Promise<void> {
  models.loads.survived();
  let cause = first;
  const { name: meant, version: at } = models.serving.bundle.manifest;
  const failed = { name: meant, version: at, digest: models.serving.bundle.digest };
  for (const serving of await models.fallbacks()) {
    const { name, version } = serving.bundle.manifest;
    const { code, message } = asSpectaError(cause);
    log.error(
      { code, instead: `${name}@${version}` },
      `the model that is to serve does not load: ${message}`,
    );
    try {
      await models.loads.begin(serving);
      models.serveInstead({ ...serving, passedOver: { ...failed, reason: asSpectaError(first).message } });
      await vision.start(serving.bundle);
      models.loads.loaded();
      return;
    } catch (error) {
      signal?.throwIfAborted();
      models.loads.survived();
      cause = error;
    }
  }
  throw first;
}
