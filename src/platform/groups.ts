import { readFileSync } from 'node:fs';
import { systemCode } from './errors.ts';

/** A group of this machine. */
export interface Group {
  readonly name: string;
  readonly id: number;
  readonly members: readonly string[];
}

/** The groups in `/etc/group`; those of a directory service are not seen. Empty where there is no such file. */
export function localGroups(file = '/etc/group'): Group[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) !== undefined) return [];
    throw error;
  }
  return text.split('\n').flatMap((line) => {
    const [name = '', , id = '', members = ''] = line.split(':');
    if (name === '' || !/^\d+$/.test(id)) return [];
    return [{ name, id: Number(id), members: members.split(',').filter((member) => member !== '') }];
  });
}

/** The group's name, or its number where it has none. */
export function groupName(id: number): string {
  return localGroups().find((group) => group.id === id)?.name ?? String(id);
}
