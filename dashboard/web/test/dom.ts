// As much of a document as the pages' elements need in a test: a tree, attributes, simple
// selectors, events that bubble, the focus. Drawing is tested in a real browser.

import { vi } from "vitest";

type Listener = (event: FakeEvent) => void;

export interface FakeEvent {
  type: string;
  target: FakeElement;
  key: string;
  defaultPrevented: boolean;
  stopped: boolean;
  preventDefault(): void;
  stopPropagation(): void;
}

class Listening {
  private readonly listeners = new Map<string, Listener[]>();
  addEventListener(type: string, listener: Listener): void {
    this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener]);
  }
  removeEventListener(type: string, listener: Listener): void {
    this.listeners.set(type, (this.listeners.get(type) ?? []).filter((one) => one !== listener));
  }
  hear(event: FakeEvent): void {
    for (const listener of this.listeners.get(event.type) ?? []) listener(event);
  }
}

export class FakeElement extends Listening {
  parentElement: FakeElement | null = null;
  nodes: (FakeElement | string)[] = [];
  value = "";
  readonly dataset: Record<string, string> = {};
  readonly style = { setProperty: (): void => undefined };
  readonly attributes = new Map<string, string>();
  constructor(readonly tag: string) {
    super();
  }
  get children(): FakeElement[] {
    return this.nodes.filter((node) => node instanceof FakeElement);
  }
  get options(): FakeElement[] {
    return this.children;
  }
  get lastElementChild(): FakeElement | null {
    return this.children.at(-1) ?? null;
  }
  get textContent(): string {
    return this.nodes.map((node) => (node instanceof FakeElement ? node.textContent : node)).join("");
  }
  set textContent(text: string) {
    this.replaceChildren(text);
  }
  append(...nodes: (FakeElement | string)[]): void {
    for (const node of nodes) this.insertBefore(node, null);
  }
  insertBefore(node: FakeElement | string, before: FakeElement | null): void {
    if (node instanceof FakeElement) {
      node.remove();
      node.parentElement = this;
    }
    this.nodes.splice(before === null ? this.nodes.length : this.nodes.indexOf(before), 0, node);
  }
  prepend(node: FakeElement): void {
    this.insertBefore(node, this.children[0] ?? null);
  }
  replaceChildren(...nodes: (FakeElement | string)[]): void {
    for (const child of this.children) child.remove();
    this.nodes = [];
    this.append(...nodes);
  }
  remove(): void {
    const { parentElement: parent } = this;
    if (parent) parent.nodes = parent.nodes.filter((node) => node !== this);
    this.parentElement = null;
    if (this.contains(page.activeElement)) page.activeElement = page.body;
  }
  contains(other: FakeElement | null): boolean {
    return other !== null && (other === this || this.contains(other.parentElement));
  }
  getAttribute = (name: string): string | null => this.attributes.get(name) ?? null;
  hasAttribute = (name: string): boolean => this.attributes.has(name);
  setAttribute = (name: string, value: string): unknown => this.attributes.set(name, value);
  removeAttribute = (name: string): unknown => this.attributes.delete(name);
  /** One of `tag`, `.class`, `#id`, `[name]`, `[name=value]`, or several together. */
  matches(selector: string): boolean {
    return [...selector.matchAll(/\[([\w-]+)(?:="?([^"\]]*)"?)?\]|([.#]?)([\w-]+)/g)].every(([, name, value, kind, word = ""]) => {
      if (name !== undefined) return value === undefined ? this.hasAttribute(name) : this.getAttribute(name) === value;
      if (kind === ".") return (this.getAttribute("class") ?? "").split(" ").includes(word);
      return kind === "#" ? this.getAttribute("id") === word : this.tag === word;
    });
  }
  closest(selectors: string): FakeElement | null {
    return selectors.split(/,\s*/).some((one) => this.matches(one)) ? this : (this.parentElement?.closest(selectors) ?? null);
  }
  querySelectorAll(selector: string): FakeElement[] {
    const [last = "", ...above] = selector.split(" ").reverse();
    const below = this.children.flatMap((child) => [child, ...child.querySelectorAll("*")]);
    if (selector === "*") return below;
    return below.filter((one) => one.matches(last) && above.every((each) => one.parentElement?.closest(each)));
  }
  querySelector(selector: string): FakeElement | null {
    return this.querySelectorAll(selector)[0] ?? null;
  }
  /** Dispatches an event from here up to the document, and returns what became of it. */
  fire(type: string, key = "", rest: object = {}): FakeEvent {
    const event: FakeEvent = { type, key, target: this, defaultPrevented: false, stopped: false, preventDefault: () => (event.defaultPrevented = true), stopPropagation: () => (event.stopped = true), ...rest };
    for (let at: FakeElement | null = this; at && !event.stopped; at = at.parentElement) at.hear(event);
    if (!event.stopped) page.hear(event);
    return event;
  }
  click = (): unknown => this.fire("click");
  focus(): void {
    page.activeElement = this;
  }
  get open(): boolean {
    return this.hasAttribute("open");
  }
  showModal = (): unknown => this.setAttribute("open", "");
  close(): void {
    if (!this.open) return;
    this.removeAttribute("open");
    this.fire("close");
  }
}

class FakePage extends Listening {
  readonly hidden = false;
  readonly body = new FakeElement("body");
  readonly documentElement = new FakeElement("html");
  activeElement: FakeElement | null = null;
  createElement = (tag: string): FakeElement => new FakeElement(tag);
  querySelector = (selector: string): FakeElement | null => this.body.querySelector(selector);
  querySelectorAll = (selector: string): FakeElement[] => this.body.querySelectorAll(selector);
}

let page = new FakePage();

/** Provides an empty document, which Node does not have. */
export function newPage(address = "http://127.0.0.1:7700/"): FakePage {
  page = new FakePage();
  const kept = new Map<string, string>();
  const at = new URL(address);
  vi.stubGlobal("document", page);
  vi.stubGlobal("window", new Listening());
  vi.stubGlobal("location", at);
  vi.stubGlobal("history", { pushState: (_: unknown, __: string, url: string | URL) => (at.href = new URL(url, at).href) });
  vi.stubGlobal("localStorage", { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value) });
  vi.stubGlobal("Element", FakeElement);
  return page;
}

/** Our element as a test sees it. */
export const fake = (element: unknown): FakeElement => element as FakeElement;

/** Lets pending answers be processed. */
export const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
