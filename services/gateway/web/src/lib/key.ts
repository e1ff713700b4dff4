import { signal } from "@preact/signals";
import { read, write } from "./persist";

const NAME = "quadrille.key";

/** The API key, "" for none: kept until the tab closes or, where its user says so, until they take it out. */
export const apiKey = signal(read<string>(sessionStorage, NAME) ?? read<string>(localStorage, NAME) ?? "");
export const keyRemembered = signal(read<string>(localStorage, NAME) !== undefined);

/** Whether the key dialog is open, and why it was opened without being asked for. */
export const keyDialog = signal<{ open: boolean; reason: string }>({ open: false, reason: "" });

export function setKey(key: string, remember: boolean): void {
  apiKey.value = key;
  keyRemembered.value = remember && key !== "";
  write(sessionStorage, NAME, key || undefined);
  write(localStorage, NAME, keyRemembered.value ? key : undefined);
}
