import { useState } from "preact/hooks";
import { announce } from "../lib/announce";
import { duration, plural, quantity } from "../lib/format";
import { Icon } from "../parts/icon";
import { Notice } from "../parts/notice";
import { Prose } from "../parts/prose";
import { again, running, type Turn } from "./state";

export function TurnView({ turn, last }: { turn: Turn; last: boolean }) {
  if (turn.role === "user") {
    return (
      <li class="turn said">
        <span class="hidden">You: </span>
        <p>{turn.text}</p>
      </li>
    );
  }
  return (
    <li class="turn answered" data-state={turn.state}>
      <span class="hidden">Answer: </span>
      {turn.text === "" && turn.state === "streaming" ? <Waiting /> : <Prose text={turn.text} />}
      {turn.error !== undefined && <Notice text={turn.error} />}
      {turn.state !== "streaming" && <Foot turn={turn} last={last} />}
    </li>
  );
}

function Waiting() {
  return (
    <p class="waiting">
      <span class="hidden">Waiting for the first token</span>
      <i />
      <i />
      <i />
    </p>
  );
}

function Foot({ turn, last }: { turn: Turn; last: boolean }) {
  const { model, tokens, firstTokenMs, tokensPerSecond } = turn.stats ?? { model: "" };
  return (
    <div class="meta turn-foot">
      <Copy text={turn.text} />
      {last && !running.value && (
        <button type="button" class="button quiet" onClick={() => void again()}>
          <Icon name="again" /> Again
        </button>
      )}
      {turn.state === "stopped" && <span>stopped</span>}
      {turn.state === "cut" && <span>cut at the longest answer</span>}
      {model && <span>{model}</span>}
      {tokens !== undefined && <span>{plural(tokens, "token")}</span>}
      {firstTokenMs !== undefined && <span>first after {duration(firstTokenMs)}</span>}
      {tokensPerSecond !== undefined && <span>{quantity(tokensPerSecond)} tokens/s</span>}
    </div>
  );
}

export function Copy({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    announce("Copied.");
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <button type="button" class="button quiet" onClick={() => void copy()}>
      <Icon name={copied ? "check" : "copy"} /> {copied ? "Copied" : "Copy"}
    </button>
  );
}
