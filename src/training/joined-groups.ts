/** Groups that count as one, each named after the one that it was joined to. */
export class JoinedGroups {
  private readonly parents = new Map<string, string>();

  /** @param names groups and what they became before */
  constructor(names: ReadonlyMap<string, string> = new Map()) {
    for (const [group, name] of names) this.join(name, group);
  }

  /** From now on both are called as `first` is. */
  join(first: string, second: string): void {
    const [name, other] = [this.nameOf(first), this.nameOf(second)];
    if (name !== other) this.parents.set(other, name);
  }

  /** What the group is called now; itself where it was never joined to another. */
  nameOf(group: string): string {
    let name = group;
    for (let next = this.parents.get(name); next !== undefined; next = this.parents.get(name)) name = next;
    return name;
  }

  /** Every group that is called otherwise now, with its name. */
  names(): ReadonlyMap<string, string> {
    return new Map([...this.parents.keys()].map((group) => [group, this.nameOf(group)]));
  }
}
