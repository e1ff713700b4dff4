import { Copy } from "../chat/turn";
import { plural } from "../lib/format";
import { Icon } from "../parts/icon";
import { Notice } from "../parts/notice";
import { segments, type Segment } from "./segments";
import { looked, shown, type Answer } from "./state";
import { Verdict } from "./verdict";

export function AnswerView({ answer, place }: { answer: Answer; place: number }) {
  const known = new Set(answer.passages.map((passage) => passage.number));
  const { rewritten, finished } = answer;
  return (
    <li class="answer" data-shown={shown.value === place}>
      <h2 class="question">{answer.question}</h2>
      {rewritten && rewritten.query !== answer.question && (
        <p class="rewritten">
          <Icon name="search" />
          <span>
            searched for <q>{rewritten.query}</q>
          </span>
        </p>
      )}
      {answer.state === "searching" && <p class="stage-note">Searching {answer.collections.join(", ")}</p>}
      {answer.state === "answering" && answer.text === "" && (
        <p class="stage-note">Reading {plural(answer.passages.length, "passage")}</p>
      )}
      <p class="answer-text" data-abstained={isAbstention(finished?.abstention)}>
        {segments(answer, known).map((segment, index) => (
          <Piece key={index} segment={segment} place={place} />
        ))}
        {answer.state === "answering" && answer.text !== "" && <span class="caret" aria-hidden="true" />}
      </p>
      {answer.error !== undefined && <Notice text={answer.error} />}
      {finished && <Abstained reason={finished.abstention} />}
      {finished && <Verdict finished={finished} answered={answer.passages.length > 0} />}
      {answer.state !== "searching" && answer.state !== "answering" && <Foot answer={answer} place={place} />}
    </li>
  );
}

const DOUBTS = {
  unsupported: "No passage supports this.",
  order: "This repeats what reads like an order to a model in a passage.",
};

function Piece({ segment, place }: { segment: Segment; place: number }) {
  const here = looked.value?.answer === place ? looked.value.number : undefined;
  const { text, numbers } = segment;
  if (segment.kind === "marker") {
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
  if (segment.doubt) {
    return (
      <span class="doubted" title={DOUBTS[segment.doubt]}>
        {text}
        <span class="hidden"> ({DOUBTS[segment.doubt]})</span>
      </span>
    );
  }
  const [first] = numbers;
  if (first === undefined) return text;
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

const ABSTENTIONS: Record<string, string> = {
  ABSTENTION_NOTHING_FOUND: "Nothing was found, so no model was asked.",
  ABSTENTION_NOTHING_USABLE: "What was found could not be used, so no model was asked.",
  ABSTENTION_MODEL: "The model says that the documents don't say.",
  ABSTENTION_UNSUPPORTED: "No passage supports any of it: better not relied upon.",
};

function isAbstention(reason: string | undefined): boolean {
  return reason !== undefined && reason in ABSTENTIONS;
}

function Abstained({ reason }: { reason: string }) {
  const said = ABSTENTIONS[reason];
  return said === undefined ? null : (
    <p class="abstained">
      <Icon name="warning" />
      {said}
    </p>
  );
}

function Foot({ answer, place }: { answer: Answer; place: number }) {
  const { finished } = answer;
  const { completion_token_count: tokens } = finished?.usage ?? { completion_token_count: 0 };
  const measure = finished?.groundedness;
  return (
    <div class="meta turn-foot">
      <Copy text={answer.text} />
      {shown.value !== place && answer.passages.length > 0 && (
        <button
          type="button"
          class="button quiet"
          onClick={() => {
            shown.value = place;
          }}
        >
          <Icon name="documents" /> Its passages
        </button>
      )}
      {answer.state === "stopped" && <span>stopped</span>}
      {finished?.model && <span>{finished.model}</span>}
      {tokens > 0 && <span>{plural(tokens, "token")}</span>}
      {finished?.timings.energy_joules !== undefined && <span>{finished.timings.energy_joules.toFixed(1)} J</span>}
      {measure !== undefined && measure.withheld_sentence_count > 0 && (
        <span class="doubt">{plural(measure.withheld_sentence_count, "sentence")} withheld</span>
      )}
      {measure !== undefined && measure.invalid_citation_count > 0 && (
        <span class="doubt">{plural(measure.invalid_citation_count, "citation")} of nothing</span>
      )}
    </div>
  );
}
