import { join } from 'node:path';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Frame } from '../domain/frame.ts';
import { toErrorRecord } from '../platform/errors.ts';
import { type Classifier, createClassifier } from './classifier.ts';
import type { Engine } from './engine/engine.ts';
import { createOnnxEngine } from './engine/onnx.ts';
import { checkGoldenInputs, checkNetworkFits } from './golden.ts';
import type { FromVisionWorker, ToVisionWorker, VisionWorkerData } from './vision-messages.ts';

/** The path of the network in a bundle. */
const NETWORK = 'model.onnx';

function post(port: MessagePort, message: FromVisionWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

async function load(data: VisionWorkerData): Promise<Engine> {
  const { bundle, provider, threads, limits } = data;
  const engine = await createOnnxEngine({ modelFile: join(bundle.folder, NETWORK), provider, threads });
  try {
    checkNetworkFits(bundle.manifest, engine);
    await checkGoldenInputs(bundle, engine, limits);
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

async function answer(port: MessagePort, classifier: Classifier, frame: Frame): Promise<void> {
  try {
    const verdict = await classifier.judge(frame);
    post(port, { kind: 'verdict', verdict, data: frame.data }, [frame.data.buffer]);
  } catch (error) {
    post(port, { kind: 'refused', error: toErrorRecord(error) });
  }
}

async function serve(port: MessagePort, data: VisionWorkerData): Promise<void> {
  let engine: Engine;
  try {
    engine = await load(data);
  } catch (error) {
    post(port, { kind: 'failed', error: toErrorRecord(error) });
    port.close();
    return;
  }
  const { name, version } = data.bundle.manifest;
  const model = {
    name,
    version,
    digest: data.bundle.digest,
    engine: engine.kind,
    provider: engine.provider,
  };
  const { manifest } = data.bundle;
  const classifier = createClassifier({ manifest, engine, model, limits: data.limits, stills: data.stills });
  // One after the other, the end too: freeing the network under a running inference takes the process down.
  let turn = Promise.resolve();
  port.on('message', (message: ToVisionWorker) => {
    if (message.kind === 'judge') {
      turn = turn.then(() => answer(port, classifier, message.frame));
    } else {
      turn = turn.then(() => engine.close()).finally(() => port.close());
    }
  });
  post(port, { kind: 'ready', model });
}

if (parentPort) await serve(parentPort, workerData as VisionWorkerData);
