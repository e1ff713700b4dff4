/** One kind of work at the gateway: what runs in how many places, what waits, and what it has refused. */
export interface Queue {
  places: number;
  running: number;
  waiting: number;
  refused: number;
}

/** What the gateway saw of the stack: counters only grow, and rates come from two looks. */
export interface Look {
  at_s: number;
  services: Record<string, boolean>;
  /** The gateway's own queues, by kind of work. */
  pools: Record<string, Queue>;
  /** What limits of keys and tenants have refused. */
  limited: number;
  figures: Record<string, number>;
}

export interface PoolRates {
  running: number;
  waiting: number;
  refusedPerSecond: number;
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
  /** At the gateway, by kind of work. */
  pools: Record<string, PoolRates>;
  limitedPerSecond: number;
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
  const since = (earlier: number | undefined, later: number) => Math.max(0, later - (earlier ?? later));
  const grown = (name: string) => since(before.figures[name], figure(name));
  const pools = Object.entries(now.pools).map(([name, { running, waiting, refused }]): [string, PoolRates] => [
    name,
    { running, waiting, refusedPerSecond: since(before.pools[name]?.refused, refused) / seconds },
  ]);
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
    pools: Object.fromEntries(pools),
    limitedPerSecond: since(before.limited, now.limited) / seconds,
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
