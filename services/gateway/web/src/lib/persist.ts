import { effect, signal, type Signal } from "@preact/signals";

/** A signal whose value outlives the page, in this browser only. A storage that is blocked or full changes nothing else. */
export function persisted<T>(name: string, initial: T): Signal<T> {
  const key = `quadrille.${name}`;
  const held = signal<T>(read(localStorage, key) ?? initial);
  effect(() => write(localStorage, key, held.value));
  return held;
}

export function read<T>(storage: Storage, key: string): T | undefined {
  try {
    const text = storage.getItem(key);
    return text === null ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

export function write(storage: Storage, key: string, value: unknown): void {
  try {
    if (value === undefined) storage.removeItem(key);
    else storage.setItem(key, JSON.stringify(value));
  } catch {
    // It is a convenience, not a promise.
  }
}
