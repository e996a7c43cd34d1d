import { LAYOUTS, type LayoutName, type Member } from './layouts.ts';

type MemberName<Name extends LayoutName> = keyof (typeof LAYOUTS)[Name]['members'] & string;

/** One kernel structure in memory, all zero at first, read and written by the names of its members. */
export class Structure<Name extends LayoutName> {
  /** Its bytes as the kernel reads and writes them. */
  readonly bytes: Buffer;
  private readonly members: Readonly<Record<string, Member>>;

  constructor(name: Name) {
    this.bytes = Buffer.alloc(LAYOUTS[name].size);
    this.members = LAYOUTS[name].members;
  }

  get(member: MemberName<Name>): number {
    const { at, kind } = this.members[member];
    switch (kind) {
      case 'u32':
        return this.bytes.readUInt32LE(at);
      case 's32':
        return this.bytes.readInt32LE(at);
      case 's64':
        return Number(this.bytes.readBigInt64LE(at));
      case 'text':
        throw new TypeError(`${member} is text`);
    }
  }

  /** Text up to its NUL. */
  text(member: MemberName<Name>): string {
    const { at, bytes } = this.members[member];
    const whole = this.bytes.toString('utf8', at, at + bytes);
    const end = whole.indexOf('\0');
    return (end < 0 ? whole : whole.slice(0, end)).trim();
  }

  set(values: Readonly<Partial<Record<MemberName<Name>, number>>>): this {
    for (const [member, value] of Object.entries<number | undefined>(values)) {
      if (value === undefined) continue;
      const { at, kind } = this.members[member];
      if (kind === 'u32') this.bytes.writeUInt32LE(value >>> 0, at);
      else if (kind === 's32') this.bytes.writeInt32LE(value, at);
      else if (kind === 's64') this.bytes.writeBigInt64LE(BigInt(value), at);
      else throw new TypeError(`${member} is text`);
    }
    return this;
  }

  /** All zero again, for use anew. */
  clear(): this {
    this.bytes.fill(0);
    return this;
  }
}
