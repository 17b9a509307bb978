/** What the page uses of htm's self-contained Preact build, which ships without types of its own. */
declare module "htm/preact/standalone" {
  export interface VNode {
    readonly type: unknown;
    readonly props: Record<string, unknown>;
    /** whether its words have been put into elements of their own, see `view/preact.js` */
    settled?: boolean;
  }
  export type Child = VNode | string | number | boolean | null | undefined | Child[];

  export function html(strings: TemplateStringsArray, ...values: unknown[]): VNode;
  export function h(type: unknown, props: object | null, ...children: Child[]): VNode;
  export function render(tree: Child, parent: Element): void;

  export class Component<P = object, S = object> {
    constructor(props?: P);
    props: P;
    state: S;
    shouldComponentUpdate(next: P, state: S): boolean;
    render(props: P, state: S): Child;
  }

  export interface Ref<T> {
    current: T;
  }
  type Inputs = readonly unknown[];
  type Cleanup = () => void;

  export function useState<T>(initial: T | (() => T)): [T, (next: T | ((previous: T) => T)) => void];
  export function useRef<T>(initial: T): Ref<T>;
  export function useEffect(effect: () => void | Cleanup, inputs?: Inputs): void;
  export function useLayoutEffect(effect: () => void | Cleanup, inputs?: Inputs): void;
  export function useMemo<T>(compute: () => T, inputs: Inputs): T;
}
