/**
 * What JSX in a cell is where no library for it is installed: markup, shown as HTML.
 *
 * Law: text is escaped; a component is a function of its properties.
 */
const { escapeHTML } = Bun;

type Properties = Readonly<Record<string, unknown>>;
type Component = (properties: Properties) => unknown;

/** Elements that have no content (https://html.spec.whatwg.org/#void-elements). */
const VOID = /^(area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)$/;
const ATTRIBUTES: Readonly<Record<string, string>> = { className: "class", htmlFor: "for" };

class Markup {
  constructor(readonly outerHTML: string) {}

  [Bun.inspect.custom](): string {
    return this.outerHTML;
  }

  toString(): string {
    return this.outerHTML;
  }
}

const Fragment = ({ children }: Properties): unknown => children;

function element(
  type: string | Component,
  given: Properties | null,
  ...children: readonly unknown[]
): Markup {
  const properties = children.length === 0 ? { ...given } : { ...given, children };
  if (typeof type === "function") return new Markup(render(type(properties)));
  const { children: inside, dangerouslySetInnerHTML: inner, ...attributes } = properties as Properties;
  const head = `<${type}${Object.entries(attributes).map(attribute).join("")}>`;
  if (VOID.test(type)) return new Markup(head);
  const content = inner === undefined ? render(inside) : `${Reflect.get(inner as object, "__html")}`;
  return new Markup(`${head}${content}</${type}>`);
}

function render(node: unknown): string {
  if (node instanceof Markup) return node.outerHTML;
  if (Array.isArray(node)) return node.map(render).join("");
  return node == null || typeof node === "boolean" ? "" : escapeHTML(`${node as string}`);
}

function attribute([name, value]: [string, unknown]): string {
  if (value == null || value === false || typeof value === "function") return "";
  const text = name === "style" && typeof value === "object" ? style(value) : `${value as string}`;
  return value === true ? ` ${name}` : ` ${ATTRIBUTES[name] ?? name}="${escapeHTML(text)}"`;
}

const style = (rules: object): string =>
  Object.entries(rules)
    .map(([name, value]) => `${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}:${value}`)
    .join(";");

const NAME = "__jsx";
Object.defineProperty(globalThis, NAME, { value: { element, Fragment } });

/** Makes a module's JSX ours, unless it names another, or there is React; at its end, so that no position changes. */
export function withJsx(module: string): string {
  if (module.includes("@jsx") || isInstalled("react")) return module;
  return `${module}\n/** @jsxRuntime classic @jsx ${NAME}.element @jsxFrag ${NAME}.Fragment */`;
}

function isInstalled(name: string): boolean {
  try {
    return Bun.resolveSync(name, process.cwd()) !== "";
  } catch {
    return false;
  }
}
