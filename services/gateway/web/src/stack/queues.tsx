import { count, quantity } from "../lib/format";
import { Sparkline } from "../parts/sparkline";
import { HISTORY, history, last } from "./state";

const KINDS: Record<string, { name: string; hue: string }> = {
  generate: { name: "Answers", hue: "text" },
  encode: { name: "Vectors and relevance", hue: "retrieval" },
  image: { name: "Images", hue: "image" },
};

/** What waits at the gateway itself, before any service sees it, and what it refuses. */
export function Queues() {
  const pools = Object.entries(last.value?.pools ?? {});
  if (pools.length === 0) return null;
  return (
    <section class="queues" aria-labelledby="queues">
      <h2 id="queues">At the gateway</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Work</th>
            <th scope="col">Running</th>
            <th scope="col">Waiting</th>
            <th scope="col">Refused a second</th>
            <th scope="col" class="only-roomy">
              The last {HISTORY} seconds
            </th>
          </tr>
        </thead>
        <tbody>
          {pools.map(([kind, queue]) => (
            <Row key={kind} kind={kind} {...queue} />
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row" colSpan={3}>
              Over the limits of a key or tenant
            </th>
            <td class="number">
              <Refused rate={history.value.at(-1)?.limitedPerSecond ?? 0} total={last.value?.limited ?? 0} />
            </td>
            <td class="only-roomy" />
          </tr>
        </tfoot>
      </table>
    </section>
  );
}

interface RowProps {
  kind: string;
  places: number;
  running: number;
  waiting: number;
  refused: number;
}

function Row({ kind, places, running, waiting, refused }: RowProps) {
  const { name, hue } = KINDS[kind] ?? { name: kind, hue: "gateway" };
  const seen = history.value.map(({ at_s, pools }) => [at_s, (pools[kind]?.running ?? 0) + (pools[kind]?.waiting ?? 0)] as const);
  const rate = history.value.at(-1)?.pools[kind]?.refusedPerSecond ?? 0;
  return (
    <tr data-pool={kind} style={{ "--hue": `var(--${hue}-hue)` }}>
      <th scope="row">{name}</th>
      <td class="number">
        <strong>{count(running)}</strong> of {count(places)}
        <span class="share" aria-hidden="true">
          <span style={{ width: `${Math.min(100, (running / places) * 100)}%` }} />
        </span>
      </td>
      <td class="number" data-busy={waiting > 0}>
        <strong>{count(waiting)}</strong>
      </td>
      <td class="number">
        <Refused rate={rate} total={refused} />
      </td>
      <td class="only-roomy">
        <Sparkline points={seen} seconds={HISTORY} label={`${name}, running and waiting, the last ${HISTORY} seconds: now ${count(running + waiting)}`} />
      </td>
    </tr>
  );
}

function Refused({ rate, total }: { rate: number; total: number }) {
  return (
    <>
      <strong>{quantity(rate)}</strong>
      {total > 0 && <span class="so-far">{count(total)} so far</span>}
    </>
  );
}
