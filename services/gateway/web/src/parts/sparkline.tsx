/** A value and when it was so, in seconds. */
export type Point = readonly [seconds: number, value: number];

interface Props {
  points: readonly Point[];
  /** How many seconds the width is. */
  seconds: number;
  height?: number;
  /** What it shows, for those who don't see it. */
  label: string;
}

const WIDTH = 240;
const MARGIN = 3;

/** A line and its area; the newest value is at the right, and the top is the highest that is shown. */
export function Sparkline({ points, seconds, height = 44, label }: Props) {
  const top = Math.max(...points.map(([, value]) => value), 1e-9);
  const now = points.at(-1)?.[0] ?? 0;
  const x = (at: number) => WIDTH - ((now - at) / seconds) * WIDTH;
  const y = (value: number) => height - MARGIN - (value / top) * (height - 2 * MARGIN);
  const line = points.map(([at, value]) => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("L");
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      {points.length > 1 && (
        <>
          <path class="spark-area" d={`M${line}V${height}H${x(points[0]?.[0] ?? 0).toFixed(1)}Z`} />
          <path class="spark-line" d={`M${line}`} vector-effect="non-scaling-stroke" />
        </>
      )}
    </svg>
  );
}
