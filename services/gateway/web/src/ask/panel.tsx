import { collections } from "../lib/collections";
import { chatModels, rerankers } from "../lib/models";
import { Segments, Select, Slider, Switch } from "../parts/fields";
import { asked, change, settings, toggle, type AskSettings } from "./settings";
import { answers } from "./state";

const MODES = [
  { value: "HYBRID", label: "Both" },
  { value: "DENSE", label: "Meaning" },
  { value: "LEXICAL", label: "Words" },
] as const;

const FOLLOW_UPS = [
  { value: "HISTORY", label: "Searched for with earlier words" },
  { value: "MODEL", label: "Rewritten by the model" },
  { value: "NONE", label: "Searched for as they are" },
  { value: "FORGET", label: "Each by itself: nothing is remembered" },
] as const;

const SUPPORTS = [
  { value: "UNSPECIFIED", label: "Meaning, where a model can" },
  { value: "LEXICAL", label: "Shared words" },
  { value: "EMBEDDING", label: "Meaning" },
  { value: "RELEVANCE", label: "A reranking model" },
] as const;

const DEFENCES = [
  { value: "TAKE_OUT", label: "Such sentences are taken out" },
  { value: "MARK", label: "They come with a warning" },
  { value: "OMIT", label: "Such passages are left out" },
  { value: "OFF", label: "Nothing is done" },
] as const;

/** How questions are answered. */
export function SettingsPanel() {
  const { model, mode, topK, rerank, vary, followUp, support, supportedOnly, defence } = settings.value;
  return (
    <>
      <details class="settings" open={answers.value.length === 0}>
        <summary class="aside-title">Where it looks</summary>
        <div class="fields">
          <CollectionChoice />
          <Segments label="Find by" value={mode} options={MODES} onChange={(value) => change({ mode: value })} />
          <Slider label="Passages" value={topK} min={1} max={12} step={1} onChange={(value) => change({ topK: value })} />
          {rerankers.value.length > 0 && (
            <Switch
              label="Have a model order them"
              hint="It reads each with the question: slower, and often better."
              on={rerank}
              onChange={(on) => change({ rerank: on })}
            />
          )}
          <Switch label="Vary them" hint="Passages that say the same count once." on={vary} onChange={(on) => change({ vary: on })} />
        </div>
      </details>
      <details class="settings">
        <summary class="aside-title">How it answers</summary>
        <div class="fields">
          <Select
            label="Answers come from"
            value={model || (chatModels.value[0]?.id ?? "")}
            options={chatModels.value.map((item) => item.id)}
            onChange={(value) => change({ model: value })}
          />
          <Choice label="Follow-up questions" name="followUp" value={followUp} options={FOLLOW_UPS} />
          <Choice label="Support is judged by" name="support" value={support} options={SUPPORTS} />
          <Switch
            label="Say only what is supported"
            hint="Sentences come when they are judged; others are withheld."
            on={supportedOnly}
            onChange={(on) => change({ supportedOnly: on })}
          />
          <Choice label="Passages that give orders" name="defence" value={defence} options={DEFENCES} />
        </div>
      </details>
    </>
  );
}

interface ChoiceProps {
  label: string;
  name: keyof AskSettings;
  value: string;
  options: readonly { value: string; label: string }[];
}

function Choice({ label, name, value, options }: ChoiceProps) {
  return <Select {...{ label, value, options }} onChange={(chosen) => change({ [name]: chosen })} />;
}

function CollectionChoice() {
  return (
    <fieldset class="field">
      <legend>Collections</legend>
      <div class="toggles">
        {collections.value.map((item) => (
          <label key={item.name} class="toggle">
            <input type="checkbox" checked={asked.value.includes(item.name)} onChange={() => toggle(item.name)} />
            {item.name}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
