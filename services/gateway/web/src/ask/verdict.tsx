import { duration, plural } from "../lib/format";
import type { Finished, Timings } from "./events";

/** How much of an answer is supported, and where its time went. */
export function Verdict({ finished, answered }: { finished: Finished; answered: boolean }) {
  const { score, sentence_count: all, supported_sentence_count: supported, method } = finished.groundedness;
  return (
    <div class="verdict">
      {answered && all > 0 && (
        <div class="grounded" title={`By ${method}: a measure, not a proof.`}>
          <Ring share={score} />
          <span>
            <strong>
              {supported} of {plural(all, "sentence")}
            </strong>{" "}
            supported
          </span>
        </div>
      )}
      <dl class="timeline">
        {stages(finished.timings).map(({ name, ms, hue }) => (
          <div key={name} style={{ "--share": ms, "--hue": `var(--${hue}-hue)` }}>
            <dt>{name}</dt>
            <dd>{duration(ms)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function stages(timings: Timings) {
  const { embed_ms, search_ms, first_token_ms, generate_ms, rewrite_ms, rerank_ms, pack_ms, support_ms } = timings;
  return [
    { name: "Rewrite", ms: rewrite_ms, hue: "gateway" },
    { name: "Embed", ms: embed_ms, hue: "gateway" },
    { name: "Search", ms: search_ms - rerank_ms, hue: "retrieval" },
    { name: "Rerank", ms: rerank_ms, hue: "retrieval" },
    { name: "Choose", ms: pack_ms, hue: "gateway" },
    { name: "First token", ms: first_token_ms, hue: "image" },
    { name: "Write", ms: generate_ms - first_token_ms - support_ms, hue: "text" },
    { name: "Judge", ms: support_ms, hue: "gateway" },
  ].filter((stage) => stage.ms >= 0.5);
}

function Ring({ share }: { share: number }) {
  const state = share >= 0.8 ? "good" : share >= 0.4 ? "warn" : "bad";
  return (
    <svg class="ring" viewBox="0 0 20 20" data-state={state} aria-hidden="true">
      <circle cx="10" cy="10" r="8" />
      <circle cx="10" cy="10" r="8" pathLength="100" stroke-dasharray={`${share * 100} 100`} />
    </svg>
  );
}
