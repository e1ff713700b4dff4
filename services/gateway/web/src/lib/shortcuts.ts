import { signal } from "@preact/signals";
import { go, VIEWS } from "./route";

export const shortcutsOpen = signal(false);

/** Esc is the stop of the view that is shown. */
export const stopShown = signal<(() => void) | null>(null);

export function listenForShortcuts(): void {
  addEventListener("keydown", (event) => {
    if (event.altKey && !event.ctrlKey && !event.metaKey && /^Digit[1-6]$/.test(event.code)) {
      const name = VIEWS[Number(event.code.slice(5)) - 1];
      if (name) go(name);
      event.preventDefault();
      return;
    }
    if (event.key === "Escape" && stopShown.value && !document.querySelector("dialog[open]")) {
      stopShown.value();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === "/") {
      document.querySelector<HTMLElement>("[data-composer]")?.focus();
      event.preventDefault();
    } else if (event.key === "?") shortcutsOpen.value = true;
  });
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select");
}
