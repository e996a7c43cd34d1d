/** Everything the page asks of the console. An answer that is none throws an Error for people. */

async function answerOf(response) {
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  const content = isJson ? await response.json() : { error: { message: await response.text(), help: '' } };
  if (response.ok) return content;
  const { message = `HTTP ${response.status}`, help = '', code = '' } = content.error ?? {};
  throw Object.assign(new Error(message), { help, code });
}

/** GET with these fields as query; what is null or undefined is left out. */
export async function fetchFrom(path, fields = {}, signal = null) {
  const query = new URLSearchParams(
    Object.entries(fields)
      .filter(([, value]) => value !== null && value !== undefined && value !== '')
      .map(([name, value]) => [name, String(value)]),
  );
  return answerOf(await fetch(`${path}?${query}`, { signal }));
}

/**
 * GET for what the page draws anew by itself. null where the console cannot be reached: the line at the top says so, and all
 * of it is asked for again when the console is back.
 */
export async function viewFrom(path, fields) {
  try {
    return await fetchFrom(path, fields);
  } catch (error) {
    // A browser's word for no connection; anything else is an answer.
    if (error instanceof TypeError) return null;
    throw error;
  }
}

const OWN = { 'x-specta': 'console' };

/** Asks a vehicle for something and gives the answer's data. */
export async function askVehicle(vehicle, name, fields = {}) {
  const body = JSON.stringify({ vehicle, name, fields });
  const headers = { ...OWN, 'content-type': 'application/json' };
  return (await answerOf(await fetch('/api/ask', { method: 'POST', headers, body }))).data;
}

export async function acknowledgeAll(vehicle, by) {
  const body = JSON.stringify({ vehicle, ...(by ? { by } : {}) });
  const headers = { ...OWN, 'content-type': 'application/json' };
  return answerOf(await fetch('/api/acknowledge-all', { method: 'POST', headers, body }));
}

/** Has a picture judged; `vehicle` null: on the console's machine. */
export async function inspectStill(file, vehicle) {
  const query = vehicle === null ? '' : `?${new URLSearchParams({ vehicle })}`;
  const headers = { ...OWN, 'content-type': 'application/octet-stream' };
  return answerOf(await fetch(`/api/inspect${query}`, { method: 'POST', headers, body: file }));
}
