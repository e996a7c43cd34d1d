import { parentPort } from 'node:worker_threads';
import { toErrorRecord } from '../platform/errors.ts';
import { nodeFiles } from '../platform/files.ts';
import type { AnswerLetter, RequestLetter } from './protocol.ts';
import { Recorder } from './recorder.ts';

const port = parentPort;
if (port === null) throw new Error('The record worker runs as a worker thread only.');
const recorder = new Recorder(nodeFiles);

async function answer(letter: RequestLetter): Promise<AnswerLetter> {
  try {
    const given = await recorder.handle(letter.kind, letter.body, letter.stamp);
    return { id: letter.id, ok: true, answer: given, report: recorder.report() };
  } catch (error) {
    return { id: letter.id, ok: false, error: toErrorRecord(error), report: recorder.report() };
  }
}

port.on('message', (letter: RequestLetter) => {
  void answer(letter).then((back) => {
    port.postMessage(back);
    if (letter.kind === 'close') port.close();
  });
});
