import { setPriority } from 'node:os';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Frame } from '../domain/frame.ts';
import { systemCode, toErrorRecord } from '../platform/errors.ts';
import { type Classifier, createClassifier } from './classifier.ts';
import type { Engine } from './engine/engine.ts';
import { openEngine } from './engine/open-engine.ts';
import { FrameOrder, type Turn } from './frame-order.ts';
import { checkGoldenInputs, checkNetworkFits } from './golden.ts';
import { searchFrame } from './locator.ts';
import { SearchDesk } from './search-desk.ts';
import type { FromVisionWorker, ToVisionWorker, VisionWorkerData } from './vision-messages.ts';

/** Below the thread that takes frames, drives the light and speaks to the surface: it must not wait for a picture. */
const NICE = 3;

function post(port: MessagePort, message: FromVisionWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

async function load(data: VisionWorkerData, signal: AbortSignal): Promise<Engine> {
  const { bundle, choice, limits } = data;
  const engine = await openEngine(bundle, choice, signal);
  try {
    checkNetworkFits(bundle.manifest, engine);
    await checkGoldenInputs(bundle, engine, limits);
    signal.throwIfAborted();
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

async function answer(
  port: MessagePort,
  classifier: Classifier,
  frame: Frame,
  turn: Turn | null,
): Promise<void> {
  try {
    const verdict = await (turn === null ? classifier.judgeStill(frame) : classifier.judge(frame, turn));
    post(port, { kind: 'verdict', verdict, data: frame.data }, [frame.data.buffer]);
  } catch (error) {
    post(port, { kind: 'refused', error: toErrorRecord(error) });
  }
}

/** On Linux a thread has a priority of its own, and those that it starts inherit it. */
function stepBack(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(NICE);
  } catch (error) {
    // Where a system forbids it, frames are judged all the same.
    if (systemCode(error) === undefined) throw error;
  }
}

async function serve(port: MessagePort, data: VisionWorkerData): Promise<void> {
  stepBack();
  const stopping = new AbortController();
  // A provider that builds for minutes must not outlast whoever asked for it.
  const stop = (message: ToVisionWorker): void => {
    if (message.kind === 'close') stopping.abort();
  };
  port.on('message', stop);
  let engine: Engine;
  try {
    engine = await load(data, stopping.signal);
  } catch (error) {
    post(port, { kind: 'failed', error: toErrorRecord(error) });
    port.close();
    return;
  }
  port.off('message', stop);
  const { name, version } = data.bundle.manifest;
  const model = {
    name,
    version,
    digest: data.bundle.digest,
    engine: engine.kind,
    provider: engine.provider,
  };
  const { manifest } = data.bundle;
  const { limits, stills, sight } = data;
  const classifier = createClassifier({ manifest, engine, model, limits, stills, sight });
  const order = new FrameOrder(data.order);
  // One after the other, the end too: freeing the network under a running inference takes the process down.
  let turn = Promise.resolve();
  const now = (): number => performance.now();
  const desk = new SearchDesk({
    begin: (frame, defect) => searchFrame(frame, defect, manifest, engine, data.limits),
    exclusive: (work) => {
      const done = turn.then(work);
      turn = done.then(
        () => undefined,
        () => undefined,
      );
      return done;
    },
    answer: (id, located) => post(port, { kind: 'located', id, located, error: null }),
    failed: (id, error) => {
      const located = { box: null, map: null, reason: 'engine-away' } as const;
      post(port, { kind: 'located', id, located, error: toErrorRecord(error) });
    },
    now,
  });
  port.on('message', (message: ToVisionWorker) => {
    if (message.kind === 'judge') {
      desk.pace.frameCame(now());
      turn = turn
        .then(() => {
          const place = message.turn === null ? null : order.turn(message.turn);
          return answer(port, classifier, message.frame, place);
        })
        .finally(() => desk.pace.frameDone(now()));
    } else if (message.kind === 'locate') {
      desk.ask(message);
    } else {
      desk.stop();
      turn = turn.then(() => engine.close()).finally(() => port.close());
    }
  });
  post(port, { kind: 'ready', model, runtime: engine.runtime });
}

if (parentPort) await serve(parentPort, workerData as VisionWorkerData);
