import { computed, signal } from "@preact/signals";
import { announce } from "../lib/announce";
import { endedEarly, isAbort, postStream, sentence } from "../lib/api";
import { models } from "../lib/models";
import { persisted } from "../lib/persist";

export interface ImageSettings {
  model: string;
  size: string;
  steps: number;
  guidance: number;
  count: number;
  seed: string;
  negative: string;
}

export interface Picture {
  id: number;
  prompt: string;
  model: string;
  seed: number;
  state: "waiting" | "denoising" | "done" | "stopped" | "failed";
  /** The newest look at it: a preview, or the finished image. */
  source?: string;
  size?: string;
  previews: number;
  milliseconds?: number;
  problem?: string;
}

interface ImageEvent {
  b64_json: string;
  output_format: string;
  size: string;
  seed?: number;
}

const PREVIEWS = 3;

export const settings = persisted<ImageSettings>("images", {
  model: "",
  size: "auto",
  steps: 0,
  guidance: 4,
  count: 2,
  seed: "",
  negative: "",
});
export const prompt = signal("");
export const pictures = signal<Picture[]>([]);
export const chosen = computed(
  () => models.value.image.find((item) => item.id === settings.value.model) ?? models.value.image[0],
);
export const busy = computed(() => pictures.value.some(isRunning));

const controllers = new Map<number, AbortController>();
let lastId = 0;

export function isRunning({ state }: Picture): boolean {
  return state === "waiting" || state === "denoising";
}

export function change(some: Partial<ImageSettings>): void {
  settings.value = { ...settings.value, ...some };
}

/** Each picture is a request of its own, with the next seed: so each can be cancelled, and has previews of its own. */
export function draw(): void {
  const { seed, count } = settings.value;
  const first = /^\d+$/.test(seed) ? Number(seed) : Math.floor(Math.random() * 1e6);
  for (let index = 0; index < count; index += 1) void drawOne(prompt.value.trim(), first + index);
}

export function stop(id: number): void {
  controllers.get(id)?.abort();
}

export function stopAll(): void {
  for (const controller of controllers.values()) controller.abort();
}

export function remove(id: number): void {
  stop(id);
  pictures.value = pictures.value.filter((picture) => picture.id !== id);
}

async function drawOne(text: string, seed: number): Promise<void> {
  lastId += 1;
  const id = lastId;
  const model = chosen.value?.id ?? "";
  pictures.value = [{ id, prompt: text, model, seed, state: "waiting", previews: 0 }, ...pictures.value];
  const controller = new AbortController();
  controllers.set(id, controller);
  const begun = performance.now();
  let finished = false;
  try {
    for await (const { name, data } of postStream("/v1/images/generations", request(text, model, seed), controller.signal)) {
      update(id, (picture) => seen(picture, name, data as ImageEvent, performance.now() - begun));
      finished = isFinished(name);
    }
    if (!finished) throw endedEarly();
    announce("An image is finished.");
  } catch (error) {
    update(id, (picture) =>
      isAbort(error) ? { ...picture, state: "stopped" } : { ...picture, state: "failed", problem: sentence(error) },
    );
  }
  controllers.delete(id);
}

function isFinished(name: string): boolean {
  return name.endsWith(".completed");
}

function seen(picture: Picture, name: string, event: ImageEvent, milliseconds: number): Picture {
  const finished = isFinished(name);
  // Previews are always PNG, whatever the image will be.
  const source = `data:image/${finished ? event.output_format : "png"};base64,${event.b64_json}`;
  return finished
    ? { ...picture, source, size: event.size, state: "done", milliseconds }
    : { ...picture, source, state: "denoising", previews: picture.previews + 1 };
}

function update(id: number, change: (picture: Picture) => Picture): void {
  pictures.value = pictures.value.map((picture) => (picture.id === id ? change(picture) : picture));
}

function request(text: string, model: string, seed: number): unknown {
  const { size, steps, guidance, negative } = settings.value;
  return {
    model,
    prompt: text,
    size,
    seed,
    stream: true,
    partial_images: PREVIEWS,
    guidance_scale: guidance,
    ...(steps > 0 ? { steps } : {}),
    ...(negative.trim() ? { negative_prompt: negative.trim() } : {}),
  };
}
