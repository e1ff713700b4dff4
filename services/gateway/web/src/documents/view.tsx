import { chosenCollection, collections } from "../lib/collections";
import { plural } from "../lib/format";
import { TextField } from "../parts/fields";
import { Icon } from "../parts/icon";
import { DropZone } from "./drop-zone";
import { StoredList } from "./stored-list";
import { forget, isOver, newCollection, uploads } from "./state";
import { UploadRow } from "./upload-row";

export function DocumentsView() {
  const items = uploads.value;
  return (
    <div class="view stacked">
      <section class="stage" aria-label="Documents">
        <div class="stage-scroll" tabIndex={0}>
          <div class="column">
            <div class="page-head">
              <h1>Documents</h1>
              <p>Each file is read, cut into passages, embedded, and durable before it says so.</p>
            </div>
            <DropZone />
            {items.length > 0 && (
              <>
                <div class="list-head">
                  <h2>{plural(items.length, "file")}</h2>
                  {items.some(isOver) && (
                    <button type="button" class="button quiet" onClick={forget}>
                      Clear what is done
                    </button>
                  )}
                </div>
                <ul class="rows">
                  {items.map((item) => (
                    <UploadRow key={item.id} item={item} />
                  ))}
                </ul>
              </>
            )}
            <StoredList />
          </div>
        </div>
      </section>
      <aside class="aside" aria-label="Collections">
        <h2 class="aside-title">Collections</h2>
        <ul class="collections">
          {collections.value.map((item) => (
            <li key={item.name}>
              <button
                type="button"
                class="collection"
                aria-pressed={item.name === chosenCollection.value && newCollection.value.trim() === ""}
                onClick={() => {
                  chosenCollection.value = item.name;
                  newCollection.value = "";
                }}
              >
                <Icon name="documents" />
                <span>
                  <strong>{item.name}</strong>
                  <span class="meta">
                    {plural(item.documents, "document")}, {plural(item.chunks, "passage")}
                  </span>
                </span>
              </button>
            </li>
          ))}
        </ul>
        <TextField
          label="New collection"
          value={newCollection.value}
          placeholder={collections.value.length ? "Its name" : "docs"}
          hint="Made by its first file."
          onChange={(value) => {
            newCollection.value = value;
          }}
        />
      </aside>
    </div>
  );
}
