import { useEffect, useRef } from "preact/hooks";
import { plural } from "../lib/format";
import type { Passage } from "./events";
import { statements } from "./segments";
import { condensed, shared } from "./shared";
import { answers, looked, shown, type Answer } from "./state";

/** What the shown answer rests on. */
export function Passages() {
  const place = shown.value;
  const answer = answers.value[place];
  if (!answer || answer.passages.length === 0) return null;
  const best = Math.max(...answer.passages.map((passage) => passage.hit.score));
  return (
    <section aria-labelledby="passages">
      <h2 class="aside-title" id="passages">
        {plural(answer.passages.length, "passage")}
        <span> from {answer.collection}</span>
      </h2>
      <ol class="passages">
        {answer.passages.map((passage) => (
          <PassageCard key={passage.number} {...{ passage, answer, place, best }} />
        ))}
      </ol>
    </section>
  );
}

interface Props {
  passage: Passage;
  answer: Answer;
  place: number;
  best: number;
}

function PassageCard({ passage: { number, hit }, answer, place, best }: Props) {
  const card = useRef<HTMLLIElement>(null);
  const here = looked.value?.answer === place && looked.value.number === number;
  const said = statements(answer.text, answer.citations, number);
  useEffect(() => {
    if (here) card.current?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }, [here]);
  return (
    <li class="passage" ref={card} data-looked={here} data-cited={said.length > 0}>
      <button
        type="button"
        class="passage-head"
        aria-pressed={here}
        onClick={() => (looked.value = here ? null : { answer: place, number })}
      >
        <span class="cite">{number}</span>
        <span class="passage-title">{hit.title || hit.document_id}</span>
      </button>
      <p class="passage-text">
        {shared(condensed(hit.text, hit.title), said).map((piece, index) => (index % 2 ? <mark key={index}>{piece}</mark> : piece))}
      </p>
      <Score share={best > 0 ? hit.score / best : 0} />
      <p class="meta">
        <span class="source">{hit.document_id}</span>
        <span>
          bytes {hit.start_byte}–{hit.end_byte}
        </span>
        {hit.dense_rank !== undefined && <span>meaning #{hit.dense_rank}</span>}
        {hit.lexical_rank !== undefined && <span>words #{hit.lexical_rank}</span>}
        <span title={`SHA-256 of the document's text: ${hit.content_sha256}`}>{hit.content_sha256.slice(0, 8)}</span>
      </p>
    </li>
  );
}

function Score({ share }: { share: number }) {
  return <div class="score" style={{ "--share": `${Math.max(2, share * 100)}%` }} aria-hidden="true" />;
}
