import { useEffect, useRef } from "preact/hooks";
import { chosenCollection, collections } from "../lib/collections";
import { count, plural, size } from "../lib/format";
import { apiKey } from "../lib/key";
import { Icon } from "../parts/icon";
import { Notice } from "../parts/notice";
import { DeleteDialog } from "./delete-dialog";
import { doomed, listing, loadStored, problem, reading, remove, type Stored } from "./stored";

/** What the chosen collection holds, and the way to have less of it. */
export function StoredList() {
  const section = useRef<HTMLElement>(null);
  const rows = useRef<HTMLUListElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const collection = chosenCollection.value;
  const key = apiKey.value;
  useEffect(() => void loadStored(), [collection, key]);
  if (collection === "") return null;
  const shown = listing.value?.collection === collection ? listing.value : null;
  const total = collections.value.find((item) => item.name === collection)?.documents ?? 0;

  const buttons = () => [...(rows.current?.querySelectorAll("button") ?? [])];
  // Where the focus was on what is gone, it goes on here; whoever went elsewhere meanwhile is left there.
  const focus = (place: number) => {
    const held = document.activeElement;
    if (held === document.body || section.current?.contains(held)) (buttons().at(place) ?? heading.current)?.focus();
  };
  const more = async () => {
    const place = shown?.documents.length ?? 0;
    await loadStored(true);
    requestAnimationFrame(() => focus(place < buttons().length ? place : -1));
  };
  const deleted = async (item: Stored) => {
    const place = shown?.documents.indexOf(item) ?? 0;
    doomed.value = null;
    await remove(item);
    requestAnimationFrame(() => focus(Math.min(place, buttons().length - 1)));
  };
  return (
    <section aria-labelledby="stored" ref={section}>
      <div class="list-head">
        <h2 id="stored" ref={heading} tabIndex={-1}>
          Stored in {collection}
        </h2>
        {shown && shown.next !== "" && (
          <span class="meta">
            {count(shown.documents.length)} of {plural(total, "document")}
          </span>
        )}
      </div>
      {problem.value !== null && <Notice text={problem.value} />}
      {shown?.documents.length === 0 && shown.next === "" && <p class="nothing">No documents.</p>}
      {shown && shown.documents.length > 0 && (
        <ul class="rows" ref={rows} aria-busy={reading.value} onKeyDown={(event) => walk(event, buttons())}>
          {shown.documents.map((item) => (
            <Row key={item.id} item={item} />
          ))}
        </ul>
      )}
      {shown && shown.next !== "" && (
        <button type="button" class="button wide more" disabled={reading.value} onClick={() => void more()}>
          Show more
        </button>
      )}
      <DeleteDialog onDelete={(item) => void deleted(item)} />
    </section>
  );
}

function Row({ item }: { item: Stored }) {
  const name = item.title || item.id;
  return (
    <li class="row">
      <span class="row-mark">
        <Icon name="file" />
      </span>
      <div class="row-body">
        <p class="row-name">{name}</p>
        <p class="meta">
          {item.title !== "" && item.title !== item.id && <span class="source">{item.id}</span>}
          <span>{plural(item.chunks, "passage")}</span>
          <span>{size(item.bytes)} of text</span>
        </p>
      </div>
      <button
        type="button"
        class="button quiet row-action"
        aria-label={`Delete ${item.id}`}
        title="Delete"
        onClick={() => {
          doomed.value = item;
        }}
      >
        <Icon name="trash" />
      </button>
    </li>
  );
}

/** Arrows go from row to row, Delete is the button. */
function walk(event: KeyboardEvent, buttons: HTMLButtonElement[]): void {
  const place = buttons.findIndex((button) => button === document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (place < 0) return;
  if (step !== undefined) {
    buttons[Math.max(0, place + step)]?.focus();
    event.preventDefault();
  } else if (event.key === "Delete") buttons[place]?.click();
}
