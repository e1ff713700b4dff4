import { signal } from "@preact/signals";
import { announce } from "../lib/announce";
import { endedEarly, isAbort, postStream, sentence } from "../lib/api";
import { persisted } from "../lib/persist";

export interface ChatSettings {
  model: string;
  system: string;
  temperature: number;
  topP: number;
  maxTokens: number;
  seed: string;
}

export const DEFAULTS: ChatSettings = { model: "", system: "", temperature: 0.7, topP: 1, maxTokens: 256, seed: "" };

/** How a turn went; rates are what the page saw, the network included. */
export interface TurnStats {
  model: string;
  promptTokens?: number;
  tokens?: number;
  firstTokenMs?: number;
  tokensPerSecond?: number;
}

export interface Turn {
  role: "user" | "assistant";
  text: string;
  state: "done" | "streaming" | "stopped" | "cut" | "failed";
  error?: string;
  stats?: TurnStats;
}

interface Chunk {
  model: string;
  choices: { delta: { content?: string | null }; finish_reason: string | null }[];
  usage?: { prompt_tokens: number; completion_tokens: number } | null;
}

export const settings = persisted<ChatSettings>("chat", DEFAULTS);
export const turns = signal<Turn[]>([]);
export const draft = signal("");
export const running = signal<AbortController | null>(null);

export function change(some: Partial<ChatSettings>): void {
  settings.value = { ...settings.value, ...some };
}

export async function send(text: string): Promise<void> {
  turns.value = [...turns.value, { role: "user", text, state: "done" }];
  draft.value = "";
  await answer();
}

/** Answers the last question anew. */
export async function again(): Promise<void> {
  if (running.value) return;
  const last = turns.value.findLastIndex((turn) => turn.role === "user");
  turns.value = turns.value.slice(0, last + 1);
  await answer();
}

export function stop(): void {
  running.value?.abort();
}

export function clear(): void {
  stop();
  turns.value = [];
}

async function answer(): Promise<void> {
  const controller = new AbortController();
  running.value = controller;
  const asked = request();
  turns.value = [...turns.value, { role: "assistant", text: "", state: "streaming" }];
  const place = turns.value.length - 1;
  const update = (some: Partial<Turn>) => {
    // A conversation that was cleared meanwhile is over.
    if (!turns.value[place] || running.value !== controller) return;
    turns.value = turns.value.map((turn, index) => (index === place ? { ...turn, ...some } : turn));
  };
  announce("The answer begins.");
  try {
    await receive(asked, controller.signal, update);
  } catch (error) {
    update(isAbort(error) ? { state: "stopped" } : { state: "failed", error: sentence(error) });
  }
  const state = turns.value[place]?.state;
  announce(state === "failed" ? "The answer failed." : state === "stopped" ? "Stopped." : "The answer is complete.");
  if (running.value === controller) running.value = null;
}

async function receive(asked: unknown, signal: AbortSignal, update: (some: Partial<Turn>) => void): Promise<void> {
  const begun = performance.now();
  let first = 0;
  let text = "";
  let stats: TurnStats = { model: "" };
  let reason: string | null = null;
  for await (const { data } of postStream("/v1/chat/completions", asked, signal)) {
    const chunk = data as Chunk;
    stats = { ...stats, model: chunk.model };
    const choice = chunk.choices[0];
    if (choice?.delta.content) {
      first ||= performance.now();
      text += choice.delta.content;
      update({ text });
    }
    reason = choice?.finish_reason ?? reason;
    if (chunk.usage) stats = measured(stats, chunk.usage, begun, first);
  }
  if (reason === null) throw endedEarly();
  update({ state: reason === "length" ? "cut" : "done", stats });
}

function measured(stats: TurnStats, usage: NonNullable<Chunk["usage"]>, begun: number, first: number): TurnStats {
  const more: TurnStats = { ...stats, promptTokens: usage.prompt_tokens, tokens: usage.completion_tokens };
  const seconds = (performance.now() - first) / 1000;
  if (first) more.firstTokenMs = first - begun;
  if (first && usage.completion_tokens > 1 && seconds > 0) more.tokensPerSecond = (usage.completion_tokens - 1) / seconds;
  return more;
}

function request(): unknown {
  const { model, system, temperature, topP, maxTokens, seed } = settings.value;
  const said = turns.value
    .filter((turn) => turn.text !== "" && turn.state !== "failed")
    .map((turn) => ({ role: turn.role, content: turn.text }));
  return {
    model,
    messages: system.trim() ? [{ role: "system", content: system }, ...said] : said,
    temperature,
    top_p: topP,
    max_tokens: maxTokens,
    ...(/^\d+$/.test(seed) ? { seed: Number(seed) } : {}),
    stream: true,
    stream_options: { include_usage: true },
  };
}
