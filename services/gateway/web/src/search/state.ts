import { signal } from "@preact/signals";
import { announce } from "../lib/announce";
import { isAbort, postJson, sentence } from "../lib/api";
import type { Hit } from "../ask/events";
import { chosenCollection } from "../lib/collections";
import { plural } from "../lib/format";
import { persisted } from "../lib/persist";

export type Mode = "hybrid" | "dense" | "lexical";

export interface Found {
  text: string;
  hits: Hit[];
  /** The whole way, as the page saw it. */
  milliseconds: number;
}

export const mode = persisted<Mode>("search", "hybrid");
export const text = signal("");
export const found = signal<Found | null>(null);
export const problem = signal<string | null>(null);
export const searching = signal<AbortController | null>(null);

export async function search(): Promise<void> {
  const asked = text.value.trim();
  if (asked === "" || chosenCollection.value === "") return;
  searching.value?.abort();
  const controller = new AbortController();
  searching.value = controller;
  const begun = performance.now();
  try {
    const body = { collection: chosenCollection.value, text: asked, mode: mode.value, top_k: 20 };
    const { hits } = await postJson<{ hits: Hit[] }>("/api/search", body, controller.signal);
    found.value = { text: asked, hits, milliseconds: performance.now() - begun };
    problem.value = null;
    announce(`${plural(hits.length, "passage")} found.`);
  } catch (error) {
    if (isAbort(error)) return;
    found.value = null;
    problem.value = sentence(error);
  }
  if (searching.value === controller) searching.value = null;
}
