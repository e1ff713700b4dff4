import { chatModels } from "../lib/models";
import { Icon } from "../parts/icon";
import { Select, Slider, TextField } from "../parts/fields";
import { change, DEFAULTS, settings } from "./state";

export function ChatSettingsPanel() {
  const { model, system, temperature, topP, maxTokens, seed } = settings.value;
  const chosen = chatModels.value.find((item) => item.id === model) ?? chatModels.value[0];
  // The question needs room in the context, too.
  const most = Math.max(64, Math.min(4096, Math.floor(((chosen?.context_length ?? 2048) * 0.75) / 16) * 16));
  return (
    <aside class="aside" aria-label="Model settings">
      <h2 class="aside-title">Model</h2>
      <div class="fields">
        <Select
          label="Answers come from"
          value={chosen?.id ?? ""}
          options={chatModels.value.map((item) => item.id)}
          onChange={(value) => change({ model: value })}
          {...(chosen ? { hint: `Reads up to ${chosen.context_length.toLocaleString("en")} tokens.` } : {})}
        />
        <TextField
          label="System prompt"
          rows={3}
          value={system}
          placeholder="How it should answer"
          onChange={(value) => change({ system: value })}
        />
        <Slider
          label="Temperature"
          value={temperature}
          min={0}
          max={2}
          step={0.1}
          shown={(value) => (value === 0 ? "greedy" : value.toFixed(1))}
          onChange={(value) => change({ temperature: value })}
        />
        <Slider
          label="Top p"
          value={topP}
          min={0.05}
          max={1}
          step={0.05}
          shown={(value) => value.toFixed(2)}
          onChange={(value) => change({ topP: value })}
        />
        <Slider
          label="Longest answer"
          value={Math.min(maxTokens, most)}
          min={16}
          max={most}
          step={16}
          shown={(value) => `${value} tokens`}
          onChange={(value) => change({ maxTokens: value })}
        />
        <TextField
          label="Seed"
          numeric
          value={seed}
          placeholder="Any"
          hint="The same seed and settings give the same answer."
          onChange={(value) => change({ seed: value })}
        />
        <button type="button" class="button quiet" onClick={() => change({ ...DEFAULTS, model })}>
          <Icon name="again" /> Back to defaults
        </button>
      </div>
    </aside>
  );
}
