/** The elements of the page. */

export function get<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

export type State = "empty" | "reading" | "summary" | "error";

/** Show one of the page's states, and move the focus to its title. */
export function enter(state: State): void {
  document.body.dataset.state = state;
  get(`${state}-title`).focus({ preventScroll: true });
}

export function write(id: string, text: string): void {
  get(id).textContent = text;
}
