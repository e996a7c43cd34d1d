import { watch } from 'node:fs';

/**
 * Calls `onChange` when a video node appears or goes. What hinders the watching is told to `onError`, and then nothing
 * more comes. The returned function ends it and may be called again.
 */
export function watchVideoNodes(
  folder: string,
  onChange: () => void,
  onError: (error: unknown) => void,
): () => void {
  try {
    const watcher = watch(folder, { persistent: false }, (_event, name) => {
      if (name !== null && /^video\d+$/.test(name)) onChange();
    });
    watcher.on('error', onError);
    return () => watcher.close();
  } catch (error) {
    onError(error);
    return () => undefined;
  }
}
