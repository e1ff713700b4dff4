import { chosenCollection, collections, collectionsKnown } from "../lib/collections";
import { chatModels, rerankers } from "../lib/models";
import { Composer } from "../parts/composer";
import { Segments, Select, Slider, Switch } from "../parts/fields";
import { Following } from "../parts/following";
import { Icon } from "../parts/icon";
import { AnswerView } from "./answer";
import { Passages } from "./passages";
import { answers, ask, change, clear, draft, running, settings, stop } from "./state";

const MODES = [
  { value: "HYBRID", label: "Both" },
  { value: "DENSE", label: "Meaning" },
  { value: "LEXICAL", label: "Words" },
] as const;

export function AskView() {
  const asked = answers.value;
  return (
    <div class="view wide-aside">
      <section class="stage" aria-label="Ask">
        <Following by={asked}>
          {asked.length === 0 ? (
            <Empty />
          ) : (
            <div class="column">
              <div class="stage-tools">
                <h1 class="hidden">Ask</h1>
                <button type="button" class="button quiet" onClick={clear}>
                  <Icon name="plus" /> New conversation
                </button>
              </div>
              <ol class="answers">
                {asked.map((answer, place) => (
                  <AnswerView key={place} answer={answer} place={place} />
                ))}
              </ol>
            </div>
          )}
        </Following>
        <Composer
          label="Question"
          placeholder={chosenCollection.value ? `Ask ${chosenCollection.value}` : "Ask your documents"}
          value={draft.value}
          busy={running.value !== null}
          disabled={chosenCollection.value === ""}
          note="Each statement names the passages that it rests on. Look at them."
          onInput={(value) => {
            draft.value = value;
          }}
          onSend={() => void ask(draft.value.trim())}
          onStop={stop}
        />
      </section>
      <aside class="aside" aria-label="Passages and settings">
        <Passages />
        <Settings />
      </aside>
    </div>
  );
}

function Settings() {
  const { model, mode, topK, rerank, followUp } = settings.value;
  return (
    <details class="settings" open={answers.value.length === 0}>
      <summary class="aside-title">How it searches</summary>
      <div class="fields">
        <Select
          label="Collection"
          value={chosenCollection.value}
          options={collections.value.map((item) => ({
            value: item.name,
            label: `${item.name} · ${item.documents.toLocaleString("en")}`,
          }))}
          onChange={(value) => {
            chosenCollection.value = value;
          }}
        />
        <Segments
          label="Find by"
          value={mode}
          options={MODES}
          onChange={(value) => change({ mode: value })}
        />
        <Slider
          label="Passages"
          value={topK}
          min={1}
          max={12}
          step={1}
          onChange={(value) => change({ topK: value })}
        />
        {rerankers.value.length > 0 && (
          <Switch
            label="Have a model order them"
            hint="Slower, and often better: a reranker reads each with the question."
            on={rerank}
            onChange={(on) => change({ rerank: on })}
          />
        )}
        <Switch
          label="Remember the conversation"
          hint="Earlier questions and answers go along with the next."
          on={followUp}
          onChange={(on) => change({ followUp: on })}
        />
        <Select
          label="Answers come from"
          value={model || (chatModels.value[0]?.id ?? "")}
          options={chatModels.value.map((item) => item.id)}
          onChange={(value) => change({ model: value })}
        />
      </div>
    </details>
  );
}

function Empty() {
  const none = collectionsKnown.value && collections.value.length === 0;
  return (
    <div class="column empty quadrille">
      <h1>{none ? "Nothing to ask yet" : "Ask your documents"}</h1>
      <p>
        {none
          ? "Bring some files, and answers will rest on them."
          : "Answers rest on passages, and say which: click a number to read what stands there."}
      </p>
      {none && (
        <div class="chips">
          <a class="button primary" href="#/documents">
            <Icon name="upload" /> Add documents
          </a>
        </div>
      )}
    </div>
  );
}
