import { computed, signal } from "@preact/signals";
import { ApiError, getJson } from "../lib/api";
import { loadCollections } from "../lib/collections";
import { loadModels } from "../lib/models";
import { view } from "../lib/route";
import { rates, type Look, type Rates } from "./rates";

/** Seconds that are remembered, and shown. */
export const HISTORY = 90;
const SHOWN_MS = 1000;
const BESIDE_MS = 3000;
const LOST_MS = 10_000; // a gateway that takes longer to answer counts as lost

export const last = signal<Look | null>(null);
export const history = signal<Rates[]>([]);
export const problem = signal<"unreachable" | "unauthorised" | "other" | null>(null);

export const overall = computed<{ state: "up" | "down" | "unknown"; text: string }>(() => {
  if (problem.value === "unreachable") return { state: "down", text: "Gateway unreachable" };
  if (problem.value === "unauthorised") return { state: "unknown", text: "No key for the stack" };
  const services = Object.entries(last.value?.services ?? {});
  if (services.length === 0) return { state: "unknown", text: "Looking" };
  const down = services.filter(([, serving]) => !serving).length;
  return down ? { state: "down", text: `${down} of ${services.length} down` } : { state: "up", text: "All services up" };
});

/** Looks once a second while the stack is shown, now and then beside other views, never while the page is hidden. */
export function watchStack(): void {
  let due = 0;
  let looking = false; // a gateway that is slow to answer is not asked again meanwhile
  setInterval(() => {
    if (looking || document.hidden || performance.now() < due) return;
    due = performance.now() + (view.value === "stack" ? SHOWN_MS : BESIDE_MS) - 50;
    looking = true;
    void look().finally(() => {
      looking = false;
    });
  }, SHOWN_MS / 4);
}

async function look(): Promise<void> {
  let seen: Look;
  try {
    seen = await getJson<Look>("/api/stack", AbortSignal.timeout(LOST_MS));
  } catch (error) {
    const status = error instanceof ApiError ? error.status : 0;
    problem.value = status === 0 ? "unreachable" : status === 401 || status === 403 ? "unauthorised" : "other";
    return;
  }
  const before = last.value;
  if (problem.value === "unreachable" || isBack(before, seen)) {
    // What is loaded may be another now.
    void loadModels().catch(() => undefined);
    void loadCollections().catch(() => undefined);
  }
  problem.value = null;
  last.value = seen;
  if (before && seen.at_s > before.at_s) history.value = [...history.value, rates(before, seen)].filter((r) => seen.at_s - r.at_s <= HISTORY);
}

function isBack(before: Look | null, now: Look): boolean {
  return before !== null && Object.entries(now.services).some(([name, up]) => up && before.services[name] === false);
}
