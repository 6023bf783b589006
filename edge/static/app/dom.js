/**
 * A page as a function of what is known: `h` describes, `render` makes the document so, touching only what differs.
 * Texts become text nodes and nothing else; there is no way here to make markup of a string.
 */

/** @import { Child, Description, Field, Listeners, Props, Vars } from "./shapes.d.ts" */
/** @typedef {HTMLElement | SVGElement} Drawn */
/** @typedef {(() => void)[]} Calls */
/** @typedef {{ [name: string]: ((event: Event) => unknown) | undefined }} Heard */

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "circle", "g"]);
/** Set as properties; the attribute says only how it began. */
const PROPERTIES = new Set(["value", "checked", "disabled", "open", "selected", "hidden"]);
/** No attributes. */
const NOT_SET = new Set(["foreign", "key", "mounted", "on", "vars"]);
/**
 * What each element was made of.
 * @type {WeakMap<Node, Description>}
 */
const DESCRIPTIONS = new WeakMap();

/**
 * An element's description. Among `props`: `key` names it among its siblings, `on` has listeners by event, `vars`
 * custom CSS properties, `mounted` is called with the element when it is in the page, `foreign` leaves its children to
 * others; anything else is an attribute.
 * Children may be strings, numbers, descriptions, lists of these, or nothing.
 * @param {string} tag
 * @param {Props | null} props
 * @param {Child[]} children
 * @returns {Description}
 */
export function h(tag, props, ...children) {
  return { tag, props: props ?? {}, children: flat(children) };
}

/** @param {unknown[]} children */
function flat(children) {
  return children.flat(Infinity).filter(isSomething);
}

/** @returns {child is string | number | Description} */
const isSomething = (/** @type {unknown} */ child) =>
  child !== null && child !== undefined && child !== false && child !== "";

/**
 * Make the children of `parent` what `children` describes.
 * @param {Element} parent
 * @param {Child[]} children
 */
export function render(parent, ...children) {
  /** @type {Calls} */
  const mounted = [];
  patchChildren(parent, flat(children), mounted);
  for (const call of mounted) call();
}

/**
 * @param {Element} parent
 * @param {Description["children"]} children
 * @param {Calls} mounted
 */
function patchChildren(parent, children, mounted) {
  /** @type {Map<string, ChildNode>} */
  const keyed = new Map();
  /** @type {ChildNode[]} */
  const free = [];
  for (const node of parent.childNodes) {
    const key = DESCRIPTIONS.get(node)?.props.key;
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

/**
 * A node that is there already and of the same kind.
 * @param {string | number | Description} child
 * @param {Map<string, ChildNode>} keyed
 * @param {ChildNode[]} free
 */
function reuse(child, keyed, free) {
  if (typeof child !== "object") return take(free, (node) => node.nodeType === Node.TEXT_NODE);
  const { key } = child.props;
  const same = (/** @type {ChildNode} */ node) => DESCRIPTIONS.get(node)?.tag === child.tag;
  if (key === undefined) return take(free, same);
  const node = keyed.get(String(key));
  keyed.delete(String(key));
  return node && same(node) ? node : undefined;
}

/**
 * @param {ChildNode[]} nodes
 * @param {(node: ChildNode) => boolean} fits
 */
function take(nodes, fits) {
  const index = nodes.findIndex(fits);
  return index < 0 ? undefined : nodes.splice(index, 1)[0];
}

/** @param {string | number | Description} child */
function create(child) {
  if (typeof child !== "object") return document.createTextNode("");
  return SVG_TAGS.has(child.tag) ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag);
}

/**
 * @param {ChildNode} node
 * @param {string | number | Description} child
 * @param {Calls} mounted
 */
function update(node, child, mounted) {
  if (typeof child !== "object") {
    const text = String(child);
    if (node.nodeValue !== text) node.nodeValue = text;
    return;
  }
  if (isDrawn(node)) dress(node, child, mounted);
}

/** @returns {node is Drawn} */
const isDrawn = (/** @type {Node} */ node) => node instanceof HTMLElement || node instanceof SVGElement;

/**
 * @param {Drawn} node
 * @param {Description} child
 * @param {Calls} mounted
 */
function dress(node, child, mounted) {
  const before = DESCRIPTIONS.get(node);
  const was = before?.props ?? {};
  const { props } = child;
  listen(node, props.on ?? {});
  setVars(node, props.vars ?? {}, was.vars ?? {});
  for (const name of Object.keys(was)) if (!(name in props)) set(node, name, undefined, was[name]);
  // A value must come after what limits it, and a select's after its options.
  for (const name of Object.keys(props)) if (name !== "value") set(node, name, props[name], was[name]);
  DESCRIPTIONS.set(node, child);
  if (!props.foreign) patchChildren(node, child.children, mounted);
  if ("value" in props) set(node, "value", props.value, was.value);
  if (!before) mounted.push(() => props.mounted?.(node));
}

/**
 * @param {Drawn} node
 * @param {string} name
 * @param {unknown} value
 * @param {unknown} was
 */
function set(node, name, value, was) {
  if (NOT_SET.has(name) || value === was) return;
  if (PROPERTIES.has(name)) Reflect.set(node, name, value ?? (name === "value" ? "" : false));
  else if (value === undefined || value === null || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : String(value));
}

/**
 * @param {Drawn} node
 * @param {Vars} vars
 * @param {Vars} was
 */
function setVars(node, vars, was) {
  for (const name of Object.keys(was)) if (!(name in vars)) node.style.removeProperty(name);
  for (const [name, value] of Object.entries(vars)) {
    if (was[name] !== value) node.style.setProperty(name, String(value));
  }
}

/**
 * Who listens at each element that ever had listeners, by event.
 * @type {WeakMap<Node, Heard>}
 */
const LISTENERS = new WeakMap();

/**
 * One real listener an event; who is called may differ each time.
 * @param {Drawn} node
 * @param {Listeners} listeners
 */
function listen(node, listeners) {
  const before = LISTENERS.get(node);
  const names = Object.keys(listeners);
  if (!before && !names.length) return;
  for (const name of names) {
    if (!before || !(name in before)) node.addEventListener(name, (event) => LISTENERS.get(node)?.[name]?.(event));
  }
  const silenced = Object.fromEntries(Object.keys(before ?? {}).map((name) => [name, undefined]));
  LISTENERS.set(node, /** @type {Heard} */ ({ ...silenced, ...listeners }));
}

// The things that a page reads of itself

/**
 * The element of that id, which the page must have.
 * @param {string} id
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The page has no element #${id}.`);
  return element;
}

/** @returns {thing is Field} */
const isField = (/** @type {unknown} */ thing) =>
  thing instanceof HTMLInputElement || thing instanceof HTMLSelectElement || thing instanceof HTMLTextAreaElement;

/**
 * The field of that name, if the form has one.
 * @param {HTMLFormElement} form
 * @param {string} name
 */
export function fieldIn(form, name) {
  const found = form.elements.namedItem(name);
  return isField(found) ? found : null;
}

/**
 * What stands in the field of that name, which the form must have.
 * @param {HTMLFormElement} form
 * @param {string} name
 */
export function valueIn(form, name) {
  const field = fieldIn(form, name);
  if (!field) throw new Error(`The form has no field ${name}.`);
  return field.value;
}

/**
 * Whether the box of that name is checked.
 * @param {HTMLFormElement} form
 * @param {string} name
 */
export function checkedIn(form, name) {
  const box = fieldIn(form, name);
  return box instanceof HTMLInputElement && box.checked;
}

/**
 * The field that an event is about.
 * @param {Event} event
 */
export function fieldOf({ target }) {
  if (!isField(target)) throw new Error("The event is about no field.");
  return target;
}

/**
 * The form that is submitted; the browser does not send it anywhere.
 * @param {SubmitEvent} event
 */
export function submitted(event) {
  event.preventDefault();
  if (!(event.target instanceof HTMLFormElement)) throw new Error("The event is about no form.");
  return event.target;
}

/**
 * A dialog of the browser's own: it keeps the focus inside, and Escape closes it.
 * @param {string} title
 * @param {() => void} close
 * @param {Child[]} body
 */
export function modal(title, close, ...body) {
  return h(
    "dialog",
    {
      key: `dialog ${title}`,
      "aria-labelledby": "dialog-title",
      mounted: (/** @type {HTMLDialogElement} */ element) => element.showModal(),
      on: { cancel: close },
    },
    h("h2", { id: "dialog-title" }, title),
    body,
  );
}
