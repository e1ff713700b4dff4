import { computed } from "@preact/signals";
import { chosenCollection, collections } from "../lib/collections";
import { persisted } from "../lib/persist";

export type Mode = "HYBRID" | "DENSE" | "LEXICAL";

export interface AskSettings {
  /** Collections beside the chosen one. */
  also: string[];
  model: string;
  mode: Mode;
  topK: number;
  rerank: boolean;
  vary: boolean;
  followUp: "HISTORY" | "MODEL" | "NONE" | "FORGET";
  support: "UNSPECIFIED" | "LEXICAL" | "EMBEDDING" | "RELEVANCE";
  supportedOnly: boolean;
  defence: "TAKE_OUT" | "MARK" | "OMIT" | "OFF";
}

const DEFAULTS: AskSettings = {
  also: [],
  model: "",
  mode: "HYBRID",
  topK: 4,
  rerank: false,
  vary: false,
  followUp: "HISTORY",
  support: "UNSPECIFIED",
  supportedOnly: false,
  defence: "TAKE_OUT",
};

const held = persisted<Partial<AskSettings>>("ask", {});

/** What was chosen, over the defaults: what is remembered may be older than the page. */
export const settings = computed<AskSettings>(() => ({ ...DEFAULTS, ...held.value }));

/** The collections that are asked, the chosen one first. */
export const asked = computed(() => {
  const known = new Set(collections.value.map((item) => item.name));
  return [chosenCollection.value, ...settings.value.also].filter((name, place, all) => known.has(name) && all.indexOf(name) === place);
});

export function change(some: Partial<AskSettings>): void {
  held.value = { ...held.value, ...some };
}

export function toggle(name: string): void {
  const left = asked.value.includes(name) ? asked.value.filter((known) => known !== name) : [...asked.value, name];
  const [first, ...also] = left;
  if (first === undefined) return; // one of them stays
  chosenCollection.value = first;
  change({ also });
}
