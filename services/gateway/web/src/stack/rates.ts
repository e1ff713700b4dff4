/** What the gateway saw of the stack: counters only grow, and rates come from two looks. */
export interface Look {
  at_s: number;
  services: Record<string, boolean>;
  figures: Record<string, number>;
}

export interface Rates {
  at_s: number;
  tokensPerSecond: number;
  promptTokensPerSecond: number;
  textRunning: number;
  textWaiting: number;
  imageRunning: number;
  imageWaiting: number;
  stepsPerSecond: number;
  searchesPerSecond: number;
  embeddingsPerSecond: number;
  /** Of all devices that are measured; absent where none is. */
  watts?: number;
  /** Means over what ended between the looks; absent when nothing did. */
  firstTokenMs?: number;
  searchMs?: number;
}

export function rates(before: Look, now: Look): Rates {
  const seconds = Math.max(1e-3, now.at_s - before.at_s);
  const figure = (name: string) => now.figures[name] ?? 0;
  // A counter that fell is one of a service that began anew.
  const grown = (name: string) => Math.max(0, figure(name) - (before.figures[name] ?? figure(name)));
  const found: Rates = {
    at_s: now.at_s,
    tokensPerSecond: grown("generated_tokens") / seconds,
    promptTokensPerSecond: grown("prompt_tokens") / seconds,
    textRunning: figure("text_running"),
    textWaiting: figure("text_waiting"),
    imageRunning: figure("image_running"),
    imageWaiting: figure("image_waiting"),
    stepsPerSecond: grown("image_steps") / seconds,
    searchesPerSecond: grown("searches") / seconds,
    embeddingsPerSecond: grown("embeddings") / seconds,
  };
  if ("text_joules" in now.figures || "image_joules" in now.figures) {
    found.watts = (grown("text_joules") + grown("image_joules")) / seconds;
  }
  const firstTokens = grown("first_tokens");
  if (firstTokens > 0) found.firstTokenMs = (grown("first_token_seconds") / firstTokens) * 1000;
  const searches = grown("searches");
  if (searches > 0) found.searchMs = (grown("search_seconds") / searches) * 1000;
  return found;
}
