import { signal } from "@preact/signals";

export const VIEWS = ["chat", "ask", "documents", "search", "images", "stack"] as const;
export type ViewName = (typeof VIEWS)[number];

export const view = signal<ViewName>(named());

function named(): ViewName {
  const name = location.hash.replace(/^#\/?/, "");
  return VIEWS.find((known) => known === name) ?? "chat";
}

addEventListener("hashchange", () => {
  view.value = named();
});

export function go(name: ViewName): void {
  location.hash = `/${name}`;
}
