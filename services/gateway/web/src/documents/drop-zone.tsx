import { useRef, useState } from "preact/hooks";
import { chosenCollection } from "../lib/collections";
import { Icon } from "../parts/icon";
import { dropped, picked } from "./dropped";
import { add, newCollection } from "./state";

/** Takes files and folders, dropped or chosen. */
export function DropZone() {
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const target = newCollection.value.trim() || chosenCollection.value || "docs";
  return (
    <div
      class="drop-zone"
      data-over={over}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (event.dataTransfer) void dropped(event.dataTransfer.items).then(add);
      }}
    >
      <span class="drop-mark">
        <Icon name="upload" />
      </span>
      <p class="drop-title">
        {over ? "Let go" : "Drop files or folders"} <span>for {target}</span>
      </p>
      <p class="hint">Markdown, text, HTML, PDF, JSON Lines, CSV; up to 16 MB each</p>
      <button type="button" class="button" onClick={() => input.current?.click()}>
        Choose files
      </button>
      <input
        ref={input}
        class="hidden"
        type="file"
        multiple
        tabIndex={-1}
        aria-label="Files"
        onChange={(event) => {
          add(picked(event.currentTarget.files));
          event.currentTarget.value = "";
        }}
      />
    </div>
  );
}
