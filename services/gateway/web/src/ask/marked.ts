import { unitOffsets } from "../lib/bytes";
import type { Hit, Passage, Span } from "./events";
import type { Answer } from "./state";

/** A piece of a passage: what an answer rests on, what reads like an order to a model, or neither. */
export interface Piece {
  text: string;
  kind: "plain" | "evidence" | "order";
}

/** A passage in pieces, without the heading that its title repeats and without empty lines: for a card. */
export function marked({ number, hit, suspicions }: Passage, { citations, sentences }: Answer): Piece[] {
  const evidence = [
    ...citations.filter((item) => item.number === number && item.supported),
    ...sentences.filter((item) => item.passage_number === number && item.supported),
  ].flatMap((item) => (item.evidence ? [item.evidence] : []));
  const spans = [
    ...evidence.map((span) => ({ ...within(hit, span), kind: "evidence" as const })),
    ...suspicions.map((span) => ({ ...within(hit, span), kind: "order" as const })),
  ];
  const cuts = new Set([0, hit.text.length]);
  for (const { start, end } of spans) cuts.add(start).add(end);
  const ordered = [...cuts].sort((a, b) => a - b);
  const pieces = ordered.slice(0, -1).map((start, place): Piece => {
    const end = ordered[place + 1] ?? hit.text.length;
    const kinds = spans.filter((span) => span.start <= start && end <= span.end).map((span) => span.kind);
    const kind = kinds.includes("order") ? "order" : kinds.includes("evidence") ? "evidence" : "plain";
    return { text: hit.text.slice(start, end), kind };
  });
  return condensed(pieces, hit.title);
}

/** A span of a document's bytes in a chunk's UTF-16 units. */
function within(hit: Hit, { start_byte, end_byte }: Span): { start: number; end: number } {
  const [start = 0, end = 0] = unitOffsets(hit.text, [start_byte - hit.start_byte, end_byte - hit.start_byte]);
  return { start, end };
}

export function condensed(pieces: readonly Piece[], title: string): Piece[] {
  const [first, ...rest] = pieces.map((piece) => ({ ...piece, text: piece.text.replace(/\n\s*\n/g, "\n") }));
  if (!first) return [];
  const { text } = first;
  const line = text.trimStart().split("\n", 1)[0] ?? "";
  const repeats = first.kind === "plain" && title !== "" && line.replace(/^#+\s*/, "").trim() === title;
  const kept = repeats && (rest.length > 0 || text.trim() !== line.trim()) ? text.trimStart().slice(line.length) : text;
  return [{ ...first, text: kept.trimStart() }, ...rest].filter((piece) => piece.text !== "");
}
