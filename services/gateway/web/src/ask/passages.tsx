import { useEffect, useRef } from "preact/hooks";
import { plural } from "../lib/format";
import type { Passage } from "./events";
import { marked } from "./marked";
import { answers, looked, shown, type Answer } from "./state";

/** What the shown answer rests on, and what was found besides. */
export function Passages() {
  const place = shown.value;
  const answer = answers.value[place];
  if (!answer || answer.passages.length + answer.omitted.length === 0) return null;
  const best = Math.max(...answer.passages.map((passage) => passage.hit.score));
  return (
    <section aria-labelledby="passages">
      <h2 class="aside-title" id="passages">
        {plural(answer.passages.length, "passage")}
        <span> from {answer.collections.join(", ")}</span>
      </h2>
      <ol class="passages">
        {answer.passages.map((passage) => (
          <PassageCard key={passage.number} {...{ passage, answer, place, best }} />
        ))}
      </ol>
      <Omitted answer={answer} />
    </section>
  );
}

interface Props {
  passage: Passage;
  answer: Answer;
  place: number;
  best: number;
}

function PassageCard({ passage, answer, place, best }: Props) {
  const card = useRef<HTMLLIElement>(null);
  const { number, hit, suspicions, collection, rerank_score: reranked } = passage;
  const here = looked.value?.answer === place && looked.value.number === number;
  useEffect(() => {
    if (here) card.current?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }, [here]);
  return (
    <li class="passage" ref={card} data-looked={here}>
      <button
        type="button"
        class="passage-head"
        aria-pressed={here}
        onClick={() => {
          looked.value = here ? null : { answer: place, number };
        }}
      >
        <span class="cite">{number}</span>
        <span class="passage-title">{hit.title || hit.document_id}</span>
      </button>
      <p class="passage-text">
        {marked(passage, answer).map((piece, index) =>
          piece.kind === "plain" ? (
            piece.text
          ) : (
            <mark key={index} data-kind={piece.kind}>
              {piece.text}
            </mark>
          ),
        )}
      </p>
      {suspicions.length > 0 && (
        <p class="suspicion">Reads like an order to a model: {[...new Set(suspicions.map((item) => item.kind))].join(", ")}.</p>
      )}
      <div class="score" style={{ "--share": `${Math.max(2, best > 0 ? (hit.score / best) * 100 : 0)}%` }} aria-hidden="true" />
      <p class="meta">
        <span class="source">{answer.collections.length > 1 ? `${collection}/${hit.document_id}` : hit.document_id}</span>
        <span>
          bytes {hit.start_byte}–{hit.end_byte}
        </span>
        {hit.dense_rank !== undefined && <span>meaning #{hit.dense_rank}</span>}
        {hit.lexical_rank !== undefined && <span>words #{hit.lexical_rank}</span>}
        {reranked !== undefined && <span>relevance {reranked.toFixed(2)}</span>}
        <span title={`SHA-256 of the document's text: ${hit.content_sha256}`}>{hit.content_sha256.slice(0, 8)}</span>
      </p>
    </li>
  );
}

const REASONS: Record<string, string> = {
  OMISSION_REASON_IRRELEVANT: "irrelevant",
  OMISSION_REASON_DUPLICATE: "said already",
  OMISSION_REASON_SUSPICIOUS: "reads like an order to a model",
  OMISSION_REASON_NO_ROOM: "no room for it",
};

function Omitted({ answer: { omitted } }: { answer: Answer }) {
  if (omitted.length === 0) return null;
  return (
    <details class="omitted">
      <summary>{plural(omitted.length, "passage")} more, left out</summary>
      <ul>
        {omitted.map((item, index) => (
          <li key={index} class="meta">
            <span class="source">{item.document_id}</span>
            <span>{REASONS[item.reason] ?? item.reason}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}
