import { signal } from "@preact/signals";
import { announce } from "../lib/announce";
import { endedEarly, isAbort, postStream, sentence } from "../lib/api";
import { plural } from "../lib/format";
import type { Citation, Finished, Passage, Retrieved, Rewritten, Sentence } from "./events";
import { asked, settings } from "./settings";

export interface Answer {
  question: string;
  collections: string[];
  rewritten?: Rewritten;
  passages: Passage[];
  omitted: Retrieved["omitted"];
  text: string;
  citations: Citation[];
  sentences: Sentence[];
  finished?: Finished;
  state: "searching" | "answering" | "done" | "stopped" | "failed";
  error?: string;
}

const REMEMBERED = 8; // turns that go along; the gateway keeps those that fit

export const answers = signal<Answer[]>([]);
export const draft = signal("");
export const running = signal<AbortController | null>(null);
/** The passage that is looked at, and the answer that it belongs to. */
export const looked = signal<{ answer: number; number: number } | null>(null);
/** The answer whose passages are shown. */
export const shown = signal(0);

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
  const body = request(question);
  const place = answers.value.length;
  const begun: Answer = {
    question,
    collections: asked.value,
    passages: [],
    omitted: [],
    text: "",
    citations: [],
    sentences: [],
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
  let finished = false;
  try {
    for await (const { name, data } of postStream("/api/ask", body, controller.signal)) {
      update((answer) => heard(answer, name, data));
      finished = name === "finished";
    }
    if (!finished) throw endedEarly();
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
    case "rewritten":
      return { ...answer, rewritten: data as Rewritten };
    case "retrieved": {
      const { passages, omitted } = data as Retrieved;
      return { ...answer, state: "answering", passages, omitted };
    }
    case "delta":
      return { ...answer, text: answer.text + (data as { text: string }).text };
    case "citation":
      return { ...answer, citations: [...answer.citations, data as Citation] };
    case "sentence":
      return { ...answer, sentences: [...answer.sentences, data as Sentence] };
    case "finished":
      return { ...answer, state: "done", finished: data as Finished };
    default:
      return answer;
  }
}

function request(question: string): unknown {
  const { model, mode, topK, rerank, vary, followUp, support, supportedOnly, defence } = settings.value;
  const history = answers.value
    .filter((answer) => answer.state === "done")
    .flatMap((answer) => [
      { role: "ROLE_USER", content: answer.question },
      { role: "ROLE_ASSISTANT", content: answer.text },
    ])
    .slice(-REMEMBERED);
  const remembers = followUp !== "FORGET" && history.length > 0;
  const rewrites = remembers && followUp !== "NONE";
  return {
    collections: asked.value,
    question,
    model,
    mode: `SEARCH_MODE_${mode}`,
    top_k: topK,
    support_method: `SUPPORT_METHOD_${support}`,
    supported_only: supportedOnly,
    injection_defence: `INJECTION_DEFENCE_${defence}`,
    ...(rerank ? { rerank: {} } : {}),
    ...(vary ? { mmr: {} } : {}),
    ...(remembers ? { history } : {}),
    ...(rewrites ? { rewrite: { method: `REWRITE_METHOD_${followUp}` } } : {}),
  };
}
