import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Run } from '../domain/run.ts';
import { SpectaError } from '../platform/errors.ts';
import { nodeFiles } from '../platform/files.ts';
import type { RecordReader } from '../record/read-record.ts';

/** Which record a command reads. */
export interface RecordChoice {
  readonly config?: string;
  readonly state?: string;
}

/** The options that name a record. */
export function recordOptions(command: Command): Command {
  return command
    .option('--config <file>', 'the configuration of the vehicle; default: /etc/specta/specta.yaml')
    .option('--state <folder>', 'the state folder itself, such as a copy of it');
}

const SERVICE_CONFIG = '/etc/specta/specta.yaml';

/** The state folder that is meant, absolute. Throws what reading the configuration throws. */
export async function stateFolderOf({ config, state }: RecordChoice): Promise<string> {
  if (state !== undefined) return resolve(state);
  const { loadConfig } = await import('../daemon/load-config.ts');
  return resolve((await loadConfig(config ?? SERVICE_CONFIG, process.env)).stateFolder);
}

/** The record of a state folder; the daemon may go on writing to it. */
export async function recordIn(stateFolder: string): Promise<RecordReader> {
  const { readRecord } = await import('../record/read-record.ts');
  return readRecord(nodeFiles, join(stateFolder, 'record'));
}

/** The run of that name, or the newest for `latest`. Throws `DATA_INVALID` naming those there are. */
export function runNamed(record: RecordReader, name: string): Run {
  const runs = record.runs();
  const found = name === 'latest' ? runs[0] : runs.find(({ id }) => id === name);
  if (found) return found;
  const known = runs.slice(0, 5).map(({ id }) => id);
  throw new SpectaError(
    'DATA_INVALID',
    runs.length === 0 ? 'The record holds no run.' : `The record holds no run ${name}.`,
    known.length === 0 ? 'Name another record.' : `It holds, newest first: ${known.join(', ')}.`,
  );
}
