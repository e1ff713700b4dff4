import { Composer } from "../parts/composer";
import { Select, Slider, TextField } from "../parts/fields";
import { Icon } from "../parts/icon";
import { models } from "../lib/models";
import { PictureTile } from "./picture";
import { busy, change, chosen, draw, pictures, prompt, settings, stopAll } from "./state";

const SUGGESTIONS = ["a small red circle above a blue square", "a large green triangle", "a yellow star on a dark ground"];

export function ImagesView() {
  const shown = pictures.value;
  return (
    <div class="view">
      <section class="stage" aria-label="Images">
        <div class="stage-scroll" tabIndex={0}>
          {shown.length === 0 ? (
            <Empty />
          ) : (
            <div class="column wide">
              <div class="stage-tools">
                <h1 class="hidden">Images</h1>
                <button
                  type="button"
                  class="button quiet"
                  disabled={busy.value}
                  onClick={() => {
                    pictures.value = [];
                  }}
                >
                  <Icon name="trash" /> Clear all
                </button>
              </div>
              <ul class="gallery">
                {shown.map((picture) => (
                  <PictureTile key={picture.id} picture={picture} />
                ))}
              </ul>
            </div>
          )}
        </div>
        <Composer
          label="Prompt"
          placeholder="What shall it show?"
          value={prompt.value}
          busy={busy.value}
          note="Previews come while it is drawn; cancelling frees the device at once."
          onInput={(value) => {
            prompt.value = value;
          }}
          onSend={draw}
          onStop={stopAll}
        />
      </section>
      <Settings />
    </div>
  );
}

function Settings() {
  const { size, steps, guidance, count, seed, negative } = settings.value;
  const model = chosen.value;
  return (
    <aside class="aside" aria-label="Image settings">
      <h2 class="aside-title">Image</h2>
      <div class="fields">
        <Select
          label="Model"
          value={model?.id ?? ""}
          options={models.value.image.map((item) => item.id)}
          onChange={(value) => change({ model: value, size: "auto", steps: 0 })}
        />
        <Select label="Size" value={size} options={sizes(model)} onChange={(value) => change({ size: value })} />
        <Slider
          label="How many"
          value={count}
          min={1}
          max={6}
          step={1}
          onChange={(value) => change({ count: value })}
        />
        {model && model.steps > 1 && (
          <>
            <Slider
              label="Steps"
              value={steps || model.steps}
              min={1}
              max={Math.max(60, model.steps)}
              step={1}
              onChange={(value) => change({ steps: value })}
            />
            <Slider
              label="Guidance"
              value={guidance}
              min={1}
              max={12}
              step={0.5}
              shown={(value) => value.toFixed(1)}
              hint="How strictly it keeps to the prompt."
              onChange={(value) => change({ guidance: value })}
            />
            <TextField
              label="Not in it"
              value={negative}
              placeholder="Nothing in particular"
              onChange={(value) => change({ negative: value })}
            />
          </>
        )}
        <TextField
          label="Seed"
          numeric
          value={seed}
          placeholder="Any"
          hint="The first image's; the next ones count on."
          onChange={(value) => change({ seed: value })}
        />
      </div>
    </aside>
  );
}

function sizes(model: { width: number; height: number } | undefined) {
  if (!model) return [{ value: "auto", label: "The model's own" }];
  const { width, height } = model;
  return [
    { value: "auto", label: `${width} × ${height}, the model's own` },
    { value: `${width * 1.5}x${height}`, label: `${width * 1.5} × ${height}, wide` },
    { value: `${width}x${height * 1.5}`, label: `${width} × ${height * 1.5}, tall` },
  ];
}

function Empty() {
  return (
    <div class="column empty quadrille">
      <h1>What shall it show?</h1>
      <p>Several images share the device step by step, and you see each take shape.</p>
      <div class="chips">
        {SUGGESTIONS.map((text) => (
          <button
            type="button"
            key={text}
            class="chip"
            onClick={() => {
              prompt.value = text;
              draw();
            }}
          >
            {text}
          </button>
        ))}
      </div>
    </div>
  );
}
