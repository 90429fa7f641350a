// The little that we need of a UI library: create elements, and write only what changed.

type Child = Node | string | null | undefined | false;
type Props = Record<string, string | boolean | null | undefined>;

/** Makes an element with attributes and children. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const name in props) setAttr(element, name, props[name]);
  for (const child of children) if (child) element.append(child);
  return element;
}

/** Sets an attribute that differs, or removes it with null or false. */
export function setAttr(element: Element, name: string, value: string | boolean | null | undefined): void {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? "" : value;
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Writes text that differs; the same text costs no layout. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A number and its unit stay on one line. */
export function unbroken(text: string): string {
  return text.replace(/(\d) (%|s|ms|min)(?![\p{L}])/gu, "$1\u00a0$2");
}

/** Keeps one row element per key, in the order given; the one with the focus keeps it. */
export function keyed<T>(parent: Element, items: readonly T[], key: (item: T) => string, make: (item: T) => Element, update: (element: Element, item: T) => void): void {
  const old = new Map<string, Element>();
  for (const child of [...parent.children]) old.set(child.getAttribute("data-key") ?? "", child);
  items.forEach((item, at) => {
    const name = key(item);
    let element = old.get(name);
    if (element) old.delete(name);
    else {
      element = make(item);
      element.setAttribute("data-key", name);
    }
    update(element, item);
    place(parent, element, at);
  });
  for (const element of old.values()) element.remove();
}

/** Puts an element at a position. One that has the focus would lose it, so the others move. */
function place(parent: Element, element: Element, at: number): void {
  let there = parent.children[at];
  if (there === element) return;
  if (element.parentElement !== parent || !element.contains(document.activeElement)) {
    parent.insertBefore(element, there ?? null);
    return;
  }
  for (; there && there !== element; there = parent.children[at]) parent.append(there);
}

/** Moves an element to the end of another, with the focus if it is in there. */
export function moveInto(parent: Element, element: Element): void {
  const { activeElement } = document;
  const focused = element.contains(activeElement) ? (activeElement as HTMLElement) : null;
  parent.append(element);
  focused?.focus({ preventScroll: true });
}

/** The first element that matches; our own templates always have it. */
export function find<E extends Element = HTMLElement>(root: ParentNode, selector: string): E {
  const element = root.querySelector<E>(selector);
  if (!element) throw new Error(`no ${selector} in the template`);
  return element;
}
