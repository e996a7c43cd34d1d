import { type ErrorRecord, toErrorRecord } from '../../platform/errors.ts';
import { type NativeRequest, openNativeSession } from './native-session.ts';
import { OrtLibrary } from './ort-library.ts';
import { LOG_ERROR } from './ort-table.ts';
import { realLibrary } from './shared-library.ts';

/** What the child is asked: to load a library, and to run a network once where one is named. */
export interface ChildTask {
  readonly library: string;
  readonly session: NativeRequest | null;
}

/** What it answers. Where native code takes it down, nothing comes. */
export type ChildAnswer =
  | { readonly kind: 'done'; readonly path: string; readonly version: string; readonly providers: string[] }
  | { readonly kind: 'refused'; readonly error: ErrorRecord };

async function perform({ library: path, session }: ChildTask): Promise<ChildAnswer> {
  try {
    const library = new OrtLibrary(await realLibrary(path));
    if (session) {
      library.start(LOG_ERROR);
      openNativeSession(library, session).session.close();
      library.close();
    }
    return {
      kind: 'done',
      path: library.path,
      version: library.version,
      providers: library.providers(),
    };
  } catch (error) {
    return { kind: 'refused', error: toErrorRecord(error) };
  }
}

process.once('message', async (task: ChildTask) => {
  process.send?.(await perform(task), () => process.disconnect());
});
