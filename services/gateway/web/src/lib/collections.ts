import { signal } from "@preact/signals";
import { getJson } from "./api";
import { persisted } from "./persist";

export interface Collection {
  name: string;
  documents: number;
  chunks: number;
}

export const collections = signal<Collection[]>([]);
/** Whether they have been read once: until then nobody knows that there are none. */
export const collectionsKnown = signal(false);
/** The one that all views speak of. */
export const chosenCollection = persisted("collection", "");

export async function loadCollections(): Promise<void> {
  const answer = await getJson<{ collections: Collection[] }>("/api/collections");
  collections.value = answer.collections;
  collectionsKnown.value = true;
  const names = answer.collections.map((item) => item.name);
  if (!names.includes(chosenCollection.value)) chosenCollection.value = names[0] ?? "";
}
