import { chatModels } from "../lib/models";
import { Composer } from "../parts/composer";
import { Icon } from "../parts/icon";
import { Following } from "../parts/following";
import { ChatSettingsPanel } from "./settings";
import { clear, draft, running, send, stop, turns } from "./state";
import { TurnView } from "./turn";

const SUGGESTIONS = ["What is Quadrille?", "Tell me about the sea.", "Write a line about spring."];

export function ChatView() {
  const said = turns.value;
  return (
    <div class="view">
      <section class="stage" aria-label="Chat">
        <Following by={said}>
          {said.length === 0 ? (
            <Empty />
          ) : (
            <div class="column">
              <div class="stage-tools">
                <h1 class="hidden">Chat</h1>
                <button type="button" class="button quiet" onClick={clear}>
                  <Icon name="plus" /> New conversation
                </button>
              </div>
              <ol class="turns">
                {said.map((turn, place) => (
                  <TurnView key={place} turn={turn} last={place === said.length - 1} />
                ))}
              </ol>
            </div>
          )}
        </Following>
        <Composer
          label="Message"
          placeholder="Say something"
          value={draft.value}
          busy={running.value !== null}
          note="Models of any size make mistakes; small ones make more."
          onInput={(value) => {
            draft.value = value;
          }}
          onSend={() => void send(draft.value.trim())}
          onStop={stop}
        />
      </section>
      <ChatSettingsPanel />
    </div>
  );
}

function Empty() {
  const name = chatModels.value[0]?.id;
  return (
    <div class="column empty quadrille">
      <h1>What shall we talk about?</h1>
      <p>{name ? `Tokens stream from ${name} as they are made, and stop the moment you say so.` : "Tokens stream as they are made, and stop the moment you say so."}</p>
      <div class="chips">
        {SUGGESTIONS.map((text) => (
          <button type="button" key={text} class="chip" onClick={() => void send(text)}>
            {text}
          </button>
        ))}
      </div>
    </div>
  );
}
