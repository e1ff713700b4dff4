import { duration, plural } from "../lib/format";
import { Notice } from "../parts/notice";
import { Copy } from "../chat/turn";
import type { Finished } from "./events";
import { segments, type Segment } from "./segments";
import { looked, shown, type Answer } from "./state";

export function AnswerView({ answer, place }: { answer: Answer; place: number }) {
  const known = new Set(answer.passages.map((passage) => passage.number));
  return (
    <li class="answer" data-shown={shown.value === place}>
      <h2 class="question">{answer.question}</h2>
      {answer.state === "searching" && <p class="stage-note">Searching {answer.collection}</p>}
      {answer.state === "answering" && answer.text === "" && (
        <p class="stage-note">Reading {plural(answer.passages.length, "passage")}</p>
      )}
      <p class="answer-text">
        {segments(answer.text, answer.citations, known).map((segment, index) => (
          <Piece key={index} segment={segment} place={place} />
        ))}
        {answer.state === "answering" && answer.text !== "" && <span class="caret" aria-hidden="true" />}
      </p>
      {answer.error !== undefined && <Notice text={answer.error} />}
      {answer.finished && <Verdict finished={answer.finished} answer={answer} place={place} />}
      {answer.state === "stopped" && <p class="meta">stopped</p>}
    </li>
  );
}

function Piece({ segment, place }: { segment: Segment; place: number }) {
  const { kind, numbers, text } = segment;
  const here = looked.value?.answer === place ? looked.value.number : undefined;
  if (kind === "marker") {
    return (
      <span class="cites">
        {numbers.map((number) => (
          <button
            key={number}
            type="button"
            class="cite"
            aria-label={`Passage ${number}`}
            aria-pressed={here === number}
            onClick={() => look(place, number)}
          >
            {number}
          </button>
        ))}
      </span>
    );
  }
  if (numbers.length === 0) return text;
  const first = numbers[0] ?? 0;
  return (
    <mark class="cited" data-looked={here !== undefined && numbers.includes(here)} onClick={() => look(place, first)}>
      {text}
    </mark>
  );
}

function look(answer: number, number: number): void {
  shown.value = answer;
  looked.value = { answer, number };
}

function Verdict({ finished, answer, place }: { finished: Finished; answer: Answer; place: number }) {
  const { groundedness, usage, model } = finished;
  const { sentence_count: all, supported_sentence_count: supported } = groundedness;
  return (
    <>
      <div class="verdict">
        {answer.passages.length > 0 && (
          <div class="grounded" title={`By ${groundedness.method}: a measure, not a proof.`}>
            <Ring share={groundedness.score} />
            <span>
              <strong>
                {supported} of {plural(all, "sentence")}
              </strong>{" "}
              supported
            </span>
          </div>
        )}
        <Timeline finished={finished} />
      </div>
      <div class="meta turn-foot">
        <Copy text={answer.text} />
        {shown.value !== place && answer.passages.length > 0 && (
          <button type="button" class="button quiet" onClick={() => (shown.value = place)}>
            Show its passages
          </button>
        )}
        {model && <span>{model}</span>}
        {usage.completion_token_count > 0 && <span>{plural(usage.completion_token_count, "token")}</span>}
        {groundedness.invalid_citation_count > 0 && (
          <span class="doubt">{plural(groundedness.invalid_citation_count, "citation")} of nothing</span>
        )}
      </div>
    </>
  );
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

/** Where the time went, to scale. */
function Timeline({ finished: { timings } }: { finished: Finished }) {
  const stages = [
    { name: "Embed", ms: timings.embed_ms, hue: "gateway" },
    { name: "Search", ms: timings.search_ms, hue: "retrieval" },
    { name: "First token", ms: timings.first_token_ms, hue: "image" },
    { name: "Writing", ms: Math.max(0, timings.generate_ms - timings.first_token_ms), hue: "text" },
  ].filter((stage) => stage.ms > 0);
  return (
    <dl class="timeline">
      {stages.map(({ name, ms, hue }) => (
        <div key={name} style={{ "--share": ms, "--hue": `var(--${hue}-hue)` }}>
          <dt>{name}</dt>
          <dd>{duration(ms)}</dd>
        </div>
      ))}
    </dl>
  );
}
