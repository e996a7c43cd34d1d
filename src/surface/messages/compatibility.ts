/** A JSON Schema as far as it is compared. */
type Schema = Readonly<Record<string, unknown>>;

/** Who sends what the schema describes: `vehicle` for messages and answers, `surface` for requests. */
export type Sender = 'vehicle' | 'surface';

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function schemasOf(value: unknown): readonly [string, Schema][] {
  return isSchema(value)
    ? Object.entries(value).filter((entry): entry is [string, Schema] => isSchema(entry[1]))
    : [];
}

function words(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** The alternatives that a schema allows, each without alternatives of its own. */
function alternatives(schema: Schema): readonly Schema[] {
  const several = schema.anyOf ?? schema.oneOf;
  return Array.isArray(several) ? several.filter(isSchema).flatMap(alternatives) : [schema];
}

/** The types of one alternative; a constant or a list of words is of the type of its values. */
function typesOf(schema: Schema): readonly string[] {
  if (typeof schema.type === 'string') return [schema.type];
  if (Array.isArray(schema.type)) return words(schema.type);
  const values = 'const' in schema ? [schema.const] : Array.isArray(schema.enum) ? schema.enum : [];
  return [...new Set(values.map((value) => (value === null ? 'null' : typeof value)))];
}

function allTypes(schema: Schema): ReadonlySet<string> {
  return new Set(alternatives(schema).flatMap(typesOf));
}

/** What counts as the same to a reader: an integer is a number. */
function covers(types: ReadonlySet<string>, type: string): boolean {
  return types.has(type) || (type === 'integer' && types.has('number'));
}

/**
 * What of a schema changed so that those who know only the one before would be misled, a sentence each. For what the
 * vehicle sends: a field removed, one that may now be missing, a type that it could not have before, a changed constant.
 * For what it is sent: a field that it does not know any more, one that is newly required, a type or word that it does
 * not take any more. New fields of the vehicle's, and new words in its lists, are compatible: readers ignore what they do
 * not know.
 */
export function incompatibilities(before: Schema, after: Schema, sender: Sender, path = ''): string[] {
  const at = path === '' ? 'the message' : path;
  const [given, taken] = sender === 'vehicle' ? [after, before] : [before, after];
  const found: string[] = [];
  for (const type of allTypes(given)) {
    if (allTypes(taken).size > 0 && !covers(allTypes(taken), type)) {
      const change = sender === 'vehicle' ? 'it can be' : 'it cannot be any more';
      found.push(`${at}: ${change} ${type}`);
    }
  }
  if ('const' in before && before.const !== after.const) {
    found.push(`${at}: it was always ${JSON.stringify(before.const)}`);
  }
  if (sender === 'surface' && Array.isArray(before.enum)) {
    const now = words(after.enum);
    for (const word of words(before.enum))
      if (!now.includes(word)) found.push(`${at}: ${word} is not taken any more`);
  }
  return [...found, ...fieldChanges(before, after, sender, path)];
}

function fieldChanges(before: Schema, after: Schema, sender: Sender, path: string): string[] {
  const found: string[] = [];
  const afters = alternatives(after);
  for (const old of alternatives(before)) {
    const properties = schemasOf(old.properties);
    const now = afters.find((each) => allTypes(each).has('object') && sharesKind(old, each));
    if (properties.length > 0 && now !== undefined) {
      const known = new Map(schemasOf(now.properties));
      for (const [name, schema] of properties) {
        const field = path === '' ? name : `${path}.${name}`;
        const current = known.get(name);
        if (current === undefined) found.push(`${field}: it is gone`);
        else found.push(...incompatibilities(schema, current, sender, field));
      }
      found.push(...requiredChanges(old, now, sender, path));
    }
    const list = afters.find((each) => isSchema(each.items));
    if (isSchema(old.items) && list !== undefined && isSchema(list.items)) {
      found.push(...incompatibilities(old.items, list.items, sender, `${path}[]`));
    }
    const map = afters.find((each) => isSchema(each.additionalProperties));
    if (isSchema(old.additionalProperties) && map !== undefined && isSchema(map.additionalProperties)) {
      found.push(
        ...incompatibilities(old.additionalProperties, map.additionalProperties, sender, `${path}.*`),
      );
    }
  }
  return found;
}

/** Alternatives of an object are told apart by their constants, where they have some. */
function sharesKind(old: Schema, now: Schema): boolean {
  const constants = schemasOf(old.properties).filter(([, schema]) => 'const' in schema);
  const known = new Map(schemasOf(now.properties));
  return constants.every(([name, schema]) => {
    const other = known.get(name);
    return (
      other === undefined ||
      !('const' in other) ||
      typeof other.const !== 'string' ||
      other.const === schema.const
    );
  });
}

function requiredChanges(before: Schema, after: Schema, sender: Sender, path: string): string[] {
  const [must, did] =
    sender === 'vehicle'
      ? [words(before.required), words(after.required)]
      : [words(after.required), words(before.required)];
  const change = sender === 'vehicle' ? 'it may be missing now' : 'it is required now';
  return must
    .filter((name) => !did.includes(name))
    .map((name) => `${path === '' ? name : `${path}.${name}`}: ${change}`);
}
