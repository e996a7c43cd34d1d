/** Small tools to build the page: every text is set as text, never as markup. */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * An element with attributes and children. `on…` adds a listener, `true` an empty attribute; false, null and undefined
 * are left out, as attribute and as child.
 */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same in SVG. */
export function drawing(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat()) {
    if (child === false || child === null || child === undefined) continue;
    node.append(child);
  }
  return node;
}

/** Puts new children in place of the old ones, and the focus back on what had it, by its `data-focus` or id. */
export function replace(node, ...children) {
  const active = document.activeElement;
  const key =
    active !== null && node.contains(active) ? (active.getAttribute('data-focus') ?? active.id) : null;
  node.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
  if (!key) return;
  const again = node.querySelector(`[data-focus="${CSS.escape(key)}"]`) ?? document.getElementById(key);
  again?.focus({ preventScroll: true });
}

/** A stored setting; `fallback` where the browser keeps none. */
export function setting(name, fallback) {
  try {
    return localStorage.getItem(`specta-${name}`) ?? fallback;
  } catch {
    // A browser that forbids storage forgets settings; nothing else depends on it.
    return fallback;
  }
}

export function keepSetting(name, value) {
  try {
    localStorage.setItem(`specta-${name}`, value);
  } catch {
    // As above.
  }
}

/** Runs `work` at most once in so many ms, the last call never lost. */
export function throttled(ms, work) {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    setTimeout(() => {
      isWaiting = false;
      work();
    }, ms);
  };
}
