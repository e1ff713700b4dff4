import { unitOffsets } from "../lib/bytes";
import type { Citation } from "./events";

/** A piece of an answer: text that rests on passages (or on none), or a marker that names them. */
export type Segment =
  | { kind: "text"; text: string; numbers: number[] }
  | { kind: "marker"; text: string; numbers: number[] };

const MARKER = /\[\s?\d{1,3}(?:\s?,\s?\d{1,3}){0,31}\s?\]/g;

/** The pieces of an answer in order; `known` are the numbers of its passages, so that other brackets stay text. */
export function segments(text: string, citations: readonly Citation[], known: ReadonlySet<number>): Segment[] {
  const markers = [...text.matchAll(MARKER)]
    .map((match) => ({
      start: match.index,
      end: match.index + match[0].length,
      numbers: (match[0].match(/\d+/g) ?? []).map(Number).filter((number) => known.has(number)),
    }))
    .filter((marker) => marker.numbers.length > 0);
  const spans = unitSpans(text, citations);
  const cuts = new Set([0, text.length]);
  for (const { start, end } of [...markers, ...spans]) cuts.add(start).add(end);
  const ordered = [...cuts].sort((a, b) => a - b);
  return ordered.slice(0, -1).map((start, place) => {
    const end = ordered[place + 1] ?? text.length;
    const marker = markers.find((item) => item.start <= start && end <= item.end);
    if (marker) return { kind: "marker", text: text.slice(start, end), numbers: marker.numbers };
    const numbers = spans.filter((span) => span.start <= start && end <= span.end).map((span) => span.number);
    return { kind: "text", text: text.slice(start, end), numbers: [...new Set(numbers)] };
  });
}

function unitSpans(text: string, citations: readonly Citation[]) {
  const bytes = [...new Set(citations.flatMap((c) => [c.answer_start_byte, c.answer_end_byte]))].sort((a, b) => a - b);
  const units = unitOffsets(text, bytes);
  const unit = new Map(bytes.map((byte, place) => [byte, units[place] ?? 0]));
  return citations.map((c) => ({
    number: c.number,
    start: unit.get(c.answer_start_byte) ?? 0,
    end: unit.get(c.answer_end_byte) ?? 0,
  }));
}

/** The statements of an answer that rest on a passage. */
export function statements(text: string, citations: readonly Citation[], number: number): string[] {
  return unitSpans(text, citations)
    .filter((span) => span.number === number)
    .map((span) => text.slice(span.start, span.end));
}

