/**
 * A page as a function of what is known: `h` describes, `render` makes the document so, touching only what differs.
 * Texts become text nodes and nothing else; there is no way here to make markup of a string.
 */

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "circle", "g"]);
/** Set as properties; the attribute says only how it began. */
const PROPERTIES = new Set(["value", "checked", "disabled", "open", "selected", "hidden"]);
const DESCRIPTION = Symbol("description");

/**
 * An element's description. Among `props`: `key` names it among its siblings, `on` has listeners by event, `vars`
 * custom CSS properties, `mounted` is called with the element when it is in the page; anything else is an attribute.
 * Children may be strings, numbers, descriptions, lists of these, or nothing.
 */
export function h(tag, props, ...children) {
  return { tag, props: props ?? {}, children: flat(children) };
}

function flat(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false && child !== "");
}

/** Make the children of `parent` what `children` describes. */
export function render(parent, ...children) {
  const mounted = [];
  patchChildren(parent, flat(children), mounted);
  for (const call of mounted) call();
}

function patchChildren(parent, children, mounted) {
  const keyed = new Map();
  const free = [];
  for (const node of parent.childNodes) {
    const key = node[DESCRIPTION]?.props.key;
    if (key === undefined) free.push(node);
    else keyed.set(String(key), node);
  }
  let place = parent.firstChild;
  const kept = new Set();
  for (const child of children) {
    const node = reuse(child, keyed, free) ?? create(child);
    kept.add(node);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
    update(node, child, mounted);
  }
  for (const node of [...parent.childNodes]) if (!kept.has(node)) node.remove();
}

/** A node that is there already and of the same kind. */
function reuse(child, keyed, free) {
  if (typeof child !== "object") return take(free, (node) => node.nodeType === Node.TEXT_NODE);
  const { key } = child.props;
  const same = (node) => node[DESCRIPTION]?.tag === child.tag;
  if (key === undefined) return take(free, same);
  const node = keyed.get(String(key));
  keyed.delete(String(key));
  return node && same(node) ? node : undefined;
}

function take(nodes, fits) {
  const index = nodes.findIndex(fits);
  return index < 0 ? undefined : nodes.splice(index, 1)[0];
}

function create(child) {
  if (typeof child !== "object") return document.createTextNode("");
  return SVG_TAGS.has(child.tag) ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag);
}

function update(node, child, mounted) {
  if (typeof child !== "object") {
    const text = String(child);
    if (node.data !== text) node.data = text;
    return;
  }
  const was = node[DESCRIPTION]?.props ?? {};
  const { props } = child;
  for (const name of Object.keys(was)) if (!(name in props)) set(node, name, undefined, was[name]);
  // A value must come after what limits it, and a select's after its options.
  for (const name of Object.keys(props)) if (name !== "value") set(node, name, props[name], was[name]);
  const isNew = node[DESCRIPTION] === undefined;
  node[DESCRIPTION] = child;
  patchChildren(node, child.children, mounted);
  if ("value" in props) set(node, "value", props.value, was.value);
  if (isNew && props.mounted) mounted.push(() => props.mounted(node));
}

function set(node, name, value, was) {
  if (name === "on") return listen(node, value ?? {});
  if (name === "vars") return setVars(node, value ?? {}, was ?? {});
  if (name === "key" || name === "mounted" || value === was) return undefined;
  if (PROPERTIES.has(name)) node[name] = value ?? (name === "value" ? "" : false);
  else if (value === undefined || value === null || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : String(value));
  return undefined;
}

function setVars(node, vars, was) {
  for (const name of Object.keys(was)) if (!(name in vars)) node.style.removeProperty(name);
  for (const [name, value] of Object.entries(vars)) if (was[name] !== value) node.style.setProperty(name, value);
}

const LISTENERS = Symbol("listeners");

/** One real listener an event; who is called may differ each time. */
function listen(node, listeners) {
  if (!node[LISTENERS]) node[LISTENERS] = {};
  const before = node[LISTENERS];
  for (const name of Object.keys(listeners)) {
    if (!(name in before)) node.addEventListener(name, (event) => node[LISTENERS][name]?.(event));
  }
  const silenced = Object.fromEntries(Object.keys(before).map((name) => [name, undefined]));
  node[LISTENERS] = { ...silenced, ...listeners };
}
