import { computed, signal } from "@preact/signals";
import { getJson } from "./api";

export interface TextModel {
  id: string;
  capabilities: string[];
  context_length: number;
}

export interface ImageModel {
  id: string;
  width: number;
  height: number;
  steps: number;
}

export const models = signal<{ text: TextModel[]; image: ImageModel[] }>({ text: [], image: [] });

export const chatModels = computed(() => models.value.text.filter((m) => m.capabilities.includes("chat")));
export const rerankers = computed(() => models.value.text.filter((m) => m.capabilities.includes("rerank")));

export async function loadModels(): Promise<void> {
  models.value = await getJson("/api/models");
}
