import { plural, size } from "../lib/format";
import { Icon, type IconName } from "../parts/icon";
import type { Upload } from "./state";

const ICONS: Partial<Record<Upload["state"], IconName>> = {
  stored: "check",
  unchanged: "check",
  refused: "warning",
  failed: "warning",
};

export function UploadRow({ item }: { item: Upload }) {
  const { name, state, sent, problem } = item;
  const going = state === "sending" || state === "storing";
  return (
    <li class="row" data-state={state}>
      <span class="row-mark">
        <Icon name={ICONS[state] ?? "file"} />
      </span>
      <div class="row-body">
        <p class="row-name">{name}</p>
        <p class="meta">
          <span>{size(item.size)}</span>
          <span>{said(item)}</span>
        </p>
        {problem !== undefined && <p class="row-problem">{problem}</p>}
        {going && (
          <progress
            class="progress"
            aria-label={`${name}: ${said(item)}`}
            {...(state === "sending" ? { value: sent, max: 1 } : {})}
          />
        )}
      </div>
    </li>
  );
}

function said({ state, sent, chunks = 0, collection }: Upload): string {
  switch (state) {
    case "waiting":
      return "waiting";
    case "sending":
      return `sending, ${Math.round(sent * 100)} %`;
    case "storing":
      return "reading and embedding";
    case "stored":
      return `${plural(chunks, "passage")} in ${collection}`;
    case "unchanged":
      return `unchanged, ${plural(chunks, "passage")} in ${collection}`;
    case "refused":
      return "refused";
    case "failed":
      return "failed";
  }
}
