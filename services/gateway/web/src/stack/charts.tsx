import { count, duration, quantity } from "../lib/format";
import { Sparkline, type Point } from "../parts/sparkline";
import type { Rates } from "./rates";
import { HISTORY, history } from "./state";

/** The last seconds of what is done, and of what waits. */
export function Charts() {
  const seen = history.value;
  const now = seen.at(-1);
  const points = (read: (rates: Rates) => number): Point[] => seen.map((rates) => [rates.at_s, read(rates)]);
  const recent = (read: (rates: Rates) => number | undefined) => seen.map(read).findLast((value) => value !== undefined);
  const firstToken = recent((r) => r.firstTokenMs);
  const search = recent((r) => r.searchMs);
  const metered = now?.watts !== undefined;
  return (
    <div class="charts">
      <Chart
        hue="text"
        big
        name="Tokens written"
        unit="a second"
        points={points((r) => r.tokensPerSecond)}
        aside={firstToken === undefined ? "" : `first token after ${duration(firstToken)}`}
      />
      <Chart
        hue="text"
        name="Text requests"
        unit={`running, ${count(now?.textWaiting ?? 0)} waiting`}
        points={points((r) => r.textRunning + r.textWaiting)}
        shown={now?.textRunning ?? 0}
      />
      <Chart
        hue="image"
        name="Image requests"
        unit={`running, ${count(now?.imageWaiting ?? 0)} waiting`}
        points={points((r) => r.imageRunning + r.imageWaiting)}
        shown={now?.imageRunning ?? 0}
      />
      <Chart hue="image" name="Denoising steps" unit="a second" points={points((r) => r.stepsPerSecond)} />
      <Chart
        hue="retrieval"
        name="Searches"
        unit="a second"
        points={points((r) => r.searchesPerSecond)}
        aside={search === undefined ? "" : `${duration(search)} each`}
      />
      <Chart hue="retrieval" name="Vectors made" unit="a second" points={points((r) => r.embeddingsPerSecond)} />
      <Chart
        hue="gateway"
        name="Power"
        unit={metered ? "W" : "not measured: no meter can be read here"}
        points={metered ? points((r) => r.watts ?? 0) : []}
        {...(metered ? {} : { shown: null })}
      />
    </div>
  );
}

interface ChartProps {
  hue: "text" | "image" | "retrieval" | "gateway";
  name: string;
  unit: string;
  points: Point[];
  /** The figure, where it is not the last of the values; null for none. */
  shown?: number | null;
  aside?: string;
  big?: boolean;
}

function Chart({ hue, name, unit, points, shown = points.at(-1)?.[1] ?? 0, aside = "", big = false }: ChartProps) {
  const peak = Math.max(0, ...points.map(([, value]) => value));
  return (
    <figure class="chart" data-big={big} style={{ "--hue": `var(--${hue}-hue)` }}>
      <figcaption>
        <span>{name}</span>
        <span class="chart-aside number">{[aside, peak > 0 ? `peak ${quantity(peak)}` : ""].filter(Boolean).join(", ")}</span>
      </figcaption>
      <p class="chart-figure">
        <strong class="number">{shown === null ? "–" : quantity(shown)}</strong>
        {unit}
      </p>
      <Sparkline
        points={points}
        seconds={HISTORY}
        height={big ? 96 : 44}
        label={`${name}, the last ${HISTORY} seconds: ${shown === null ? "not measured" : `now ${quantity(shown)} ${unit}`}`}
      />
    </figure>
  );
}
