import { signal } from "@preact/signals";
import { announce } from "../lib/announce";
import { ApiError, deleteJson, getJson, sentence } from "../lib/api";
import { chosenCollection, loadCollections } from "../lib/collections";

const PAGE = 50;

/** A document as listings tell of it: its passages, and the bytes of its text. */
export interface Stored {
  id: string;
  title: string;
  chunks: number;
  bytes: number;
}

/** The documents of a collection that have been read until now, by id; `next` asks for more and is empty when these are all. */
export interface Listing {
  collection: string;
  documents: Stored[];
  next: string;
}

export const listing = signal<Listing | null>(null);
export const reading = signal(false);
export const problem = signal<string | null>(null);
/** The one that is to be deleted, once its reader has said so again. */
export const doomed = signal<Stored | null>(null);

let latest = 0;

/** Reads the first page of the chosen collection, or with `more` the page after those that are there. */
export async function loadStored(more = false): Promise<void> {
  const collection = chosenCollection.value;
  latest += 1;
  const mine = latest; // an answer to what was asked before comes too late
  if (collection === "") {
    listing.value = null;
    reading.value = false;
    return;
  }
  const before = more ? listing.value : null;
  const asked = new URLSearchParams({ collection, page_size: `${PAGE}`, page_token: before?.next ?? "" });
  reading.value = true;
  try {
    const page = await getJson<{ documents: Stored[]; next_page_token: string }>(`/api/documents?${asked.toString()}`);
    if (mine !== latest) return;
    listing.value = { collection, documents: [...(before?.documents ?? []), ...page.documents], next: page.next_page_token };
    problem.value = null;
  } catch (error) {
    if (mine !== latest) return;
    if (!more) listing.value = null;
    problem.value = sentence(error);
  }
  reading.value = false;
}

/** Deletes a document of the listing; one that somebody else deleted meanwhile is gone just as well. */
export async function remove({ id }: Stored): Promise<void> {
  const shown = listing.value;
  if (!shown) return;
  try {
    await deleteJson(`/api/documents?${new URLSearchParams({ collection: shown.collection, id }).toString()}`);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) {
      problem.value = sentence(error);
      return;
    }
  }
  const now = listing.value;
  if (now?.collection === shown.collection) listing.value = { ...now, documents: now.documents.filter((item) => item.id !== id) };
  problem.value = null;
  announce(`${id} deleted.`);
  await loadCollections().catch(() => undefined);
}
