import { collections, collectionsKnown } from "../lib/collections";
import { Composer } from "../parts/composer";
import { Following } from "../parts/following";
import { Icon } from "../parts/icon";
import { AnswerView } from "./answer";
import { SettingsPanel } from "./panel";
import { Passages } from "./passages";
import { asked } from "./settings";
import { answers, ask, clear, draft, running, stop } from "./state";

export function AskView() {
  const given = answers.value;
  return (
    <div class="view wide-aside">
      <section class="stage" aria-label="Ask">
        <Following by={given}>
          {given.length === 0 ? (
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
                {given.map((answer, place) => (
                  <AnswerView key={place} answer={answer} place={place} />
                ))}
              </ol>
            </div>
          )}
        </Following>
        <Composer
          label="Question"
          placeholder={asked.value.length > 0 ? `Ask ${asked.value.join(", ")}` : "Ask your documents"}
          value={draft.value}
          busy={running.value !== null}
          disabled={asked.value.length === 0}
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
        <SettingsPanel />
      </aside>
    </div>
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
