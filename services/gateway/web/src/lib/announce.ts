import { signal } from "@preact/signals";

/** What a screen reader is told next; streams are told of when they begin and end, not token by token. */
export const announcement = signal("");

export function announce(text: string): void {
  announcement.value = "";
  queueMicrotask(() => {
    announcement.value = text;
  });
}
