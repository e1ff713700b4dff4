import { count } from "../lib/format";
import { Notice } from "../parts/notice";
import { Charts } from "./charts";
import { Queues } from "./queues";
import { last, problem } from "./state";

const PROBLEMS = {
  unreachable: "The gateway cannot be reached; this page keeps trying.",
  unauthorised: "The stack is shown to keys with the scope gateway.",
  other: "The gateway could not look at the stack.",
};

export function StackView() {
  const figures = last.value?.figures ?? {};
  const measured = Object.keys(figures).length > 0;
  return (
    <div class="view single">
      <section class="stage" aria-label="Stack">
        <div class="stage-scroll" tabIndex={0}>
          <div class="column wide">
            <div class="page-head">
              <h1>Stack</h1>
              <p>What the gateway and its services do now, a look each second.</p>
            </div>
            {problem.value && <Notice text={PROBLEMS[problem.value]} />}
            <Services />
            <Queues />
            {last.value && !measured && (
              <p class="stack-note">
                No figures of the services: name their Prometheus endpoints in <code>metrics_urls</code>, as <code>quadrille up</code>{" "}
                does.
              </p>
            )}
            {measured && <Charts />}
            {measured && (
              <dl class="totals">
                <Total name="documents" value={figures["documents"]} />
                <Total name="passages" value={figures["chunks"]} />
                <Total name="searches" value={figures["searches"]} />
                <Total name="tokens read" value={figures["prompt_tokens"]} />
                <Total name="tokens written" value={figures["generated_tokens"]} />
                <Total name="vectors made" value={figures["embeddings"]} />
                <Total name="images" value={figures["images_done"]} />
                <Total name="joules" value={joules(figures)} />
              </dl>
            )}
          </div>
        </div>
      </section>
    </div>
  );
}

function Services() {
  const services = Object.entries(last.value?.services ?? {});
  const lost = problem.value === "unreachable";
  return (
    <ul class="services">
      <Service name="gateway" address={location.host} up={!lost} />
      {services.map(([full, serving]) => {
        const [name = full, address = ""] = full.split("@");
        return <Service key={full} name={name} address={address} up={serving && !lost} />;
      })}
    </ul>
  );
}

function Service({ name, address, up }: { name: string; address: string; up: boolean }) {
  return (
    <li class="service" style={{ "--hue": `var(--${name}-hue)` }}>
      <span class="service-mark" aria-hidden="true" />
      <span class="service-name">{name}</span>
      <span class="service-state">
        <span class="dot" data-state={up ? "up" : "down"} />
        {up ? "serving" : "down"}
      </span>
      <span class="service-address mono">{address}</span>
    </li>
  );
}

function Total({ name, value }: { name: string; value: number | undefined }) {
  if (value === undefined) return null;
  return (
    <div>
      <dd class="number">{count(value)}</dd>
      <dt>{name}</dt>
    </div>
  );
}

function joules(figures: Record<string, number>): number | undefined {
  const parts = [figures["text_joules"], figures["image_joules"]].filter((part) => part !== undefined);
  return parts.length ? parts.reduce((sum, part) => sum + part, 0) : undefined;
}
