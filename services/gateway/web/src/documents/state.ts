import { computed, signal } from "@preact/signals";
import { announce } from "../lib/announce";
import { sentence } from "../lib/api";
import { chosenCollection, collections, loadCollections } from "../lib/collections";
import { plural } from "../lib/format";
import { loadStored } from "./stored";
import { upload, type Outcome } from "./upload";

const AT_ONCE = 2;
const UNREADABLE = "This kind of file can't be read. Markdown, text, HTML, PDF, JSON Lines and CSV can.";

export interface Upload {
  id: number;
  name: string;
  size: number;
  collection: string;
  state: "waiting" | "sending" | "storing" | "stored" | "unchanged" | "refused" | "failed";
  /** Share of the bytes that are sent. */
  sent: number;
  chunks?: number;
  problem?: string;
}

export const uploads = signal<Upload[]>([]);
export const busy = computed(() => uploads.value.some((item) => !isOver(item)));
/** A collection that is to be made by the first file. */
export const newCollection = signal("");

const waiting: { id: number; file: File; collection: string }[] = [];
let running = 0;
let lastId = 0;

export function isOver({ state }: Upload): boolean {
  return state === "stored" || state === "unchanged" || state === "refused" || state === "failed";
}

export function add(files: readonly { name: string; file: File }[]): void {
  const collection = newCollection.value.trim() || chosenCollection.value || "docs";
  const added = files.map(({ name, file }): Upload & { file: File } => {
    lastId += 1;
    return { id: lastId, name, size: file.size, collection, state: "waiting", sent: 0, file };
  });
  uploads.value = [...added.map(({ file: _, ...item }) => item).reverse(), ...uploads.value];
  waiting.push(...added);
  announce(`${plural(added.length, "file")} added.`);
  begin();
}

/** The first file of a collection makes it; the others wait until it is there. */
function begin(): void {
  const known = collections.value.some((item) => item.name === waiting[0]?.collection);
  while (running < (known ? AT_ONCE : 1) && waiting.length > 0) void work();
}

export function forget(): void {
  uploads.value = uploads.value.filter((item) => !isOver(item));
}

async function work(): Promise<void> {
  running += 1;
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    await store(next.id, next.file);
    begin();
  }
  running -= 1;
  if (running > 0) return;
  const failed = uploads.value.filter((item) => item.state === "refused" || item.state === "failed").length;
  announce(failed ? `${plural(failed, "file")} could not be stored.` : "All files are stored.");
  await loadCollections().catch(() => undefined);
  await loadStored();
}

async function store(id: number, file: File): Promise<void> {
  const item = uploads.value.find((known) => known.id === id);
  if (!item) return;
  update(id, { state: "sending" });
  try {
    const outcome = await upload(item.collection, item.name, file, (sent) =>
      update(id, sent < 1 ? { sent } : { sent, state: "storing" }),
    );
    update(id, ended(outcome));
    if (outcome.outcome === "stored" && chosenCollection.value !== item.collection) {
      chosenCollection.value = item.collection;
      if (newCollection.value.trim() === item.collection) newCollection.value = "";
      await loadCollections().catch(() => undefined);
    }
  } catch (error) {
    update(id, { state: "failed", problem: sentence(error) });
  }
}

function ended(outcome: Outcome): Partial<Upload> {
  if (outcome.outcome === "refused") {
    const kind = outcome.field === "file.media_type";
    return { state: "refused", problem: kind ? UNREADABLE : sentence(outcome.description) };
  }
  return { state: outcome.unchanged ? "unchanged" : "stored", chunks: outcome.chunk_count };
}

function update(id: number, some: Partial<Upload>): void {
  uploads.value = uploads.value.map((item) => (item.id === id ? { ...item, ...some } : item));
}
