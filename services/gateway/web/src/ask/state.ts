import { signal } from "@preact/signals";
import { announce } from "../lib/announce";
import { isAbort, postStream, sentence } from "../lib/api";
import { chosenCollection } from "../lib/collections";
import { plural } from "../lib/format";
import { persisted } from "../lib/persist";
import type { Citation, Finished, Passage } from "./events";

export type Mode = "HYBRID" | "DENSE" | "LEXICAL";

export interface AskSettings {
  model: string;
  mode: Mode;
  topK: number;
  rerank: boolean;
  followUp: boolean;
}

export interface Answer {
  question: string;
  collection: string;
  passages: Passage[];
  text: string;
  citations: Citation[];
  finished?: Finished;
  state: "searching" | "answering" | "done" | "stopped" | "failed";
  error?: string;
}

export const settings = persisted<AskSettings>("ask", {
  model: "",
  mode: "HYBRID",
  topK: 4,
  rerank: false,
  followUp: true,
});
export const answers = signal<Answer[]>([]);
export const draft = signal("");
export const running = signal<AbortController | null>(null);
/** The passage that is looked at, and the answer that it belongs to. */
export const looked = signal<{ answer: number; number: number } | null>(null);
/** The answer whose passages are shown. */
export const shown = signal(0);

export function change(some: Partial<AskSettings>): void {
  settings.value = { ...settings.value, ...some };
}

export function stop(): void {
  running.value?.abort();
}

export function clear(): void {
  stop();
  answers.value = [];
  looked.value = null;
}

export async function ask(question: string): Promise<void> {
  const controller = new AbortController();
  running.value = controller;
  const asked = request(question);
  const place = answers.value.length;
  const begun: Answer = {
    question,
    collection: chosenCollection.value,
    passages: [],
    text: "",
    citations: [],
    state: "searching",
  };
  answers.value = [...answers.value, begun];
  draft.value = "";
  shown.value = place;
  looked.value = null;
  const update = (change: (answer: Answer) => Answer) => {
    if (running.value !== controller || !answers.value[place]) return;
    answers.value = answers.value.map((answer, index) => (index === place ? change(answer) : answer));
  };
  try {
    for await (const { name, data } of postStream("/api/ask", asked, controller.signal)) {
      update((answer) => heard(answer, name, data));
    }
  } catch (error) {
    const end = isAbort(error) ? { state: "stopped" as const } : { state: "failed" as const, error: sentence(error) };
    update((answer) => ({ ...answer, ...end }));
  }
  const answer = answers.value[place];
  if (answer?.state === "done") announce(`The answer is complete, with ${plural(answer.citations.length, "citation")}.`);
  if (running.value === controller) running.value = null;
}

/** An answer after one more event. */
function heard(answer: Answer, name: string, data: unknown): Answer {
  switch (name) {
    case "retrieved":
      return { ...answer, state: "answering", passages: (data as { passages: Passage[] }).passages };
    case "delta":
      return { ...answer, text: answer.text + (data as { text: string }).text };
    case "citation":
      return { ...answer, citations: [...answer.citations, data as Citation] };
    case "finished":
      return { ...answer, state: "done", finished: data as Finished };
    default:
      return answer;
  }
}

function request(question: string): unknown {
  const { model, mode, topK, rerank, followUp } = settings.value;
  const history = answers.value
    .filter((answer) => answer.state === "done")
    .slice(-4)
    .flatMap((answer) => [
      { role: "ROLE_USER", content: answer.question },
      { role: "ROLE_ASSISTANT", content: answer.text },
    ]);
  return {
    collection: chosenCollection.value,
    question,
    model,
    mode: `SEARCH_MODE_${mode}`,
    top_k: topK,
    ...(rerank ? { rerank: {} } : {}),
    ...(followUp && history.length > 0 ? { history } : {}),
  };
}
