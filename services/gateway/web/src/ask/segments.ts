import { unitOffsets } from "../lib/bytes";
import type { Citation, Sentence } from "./events";

/** A piece of an answer: a marker that names passages, or text, which rests on passages, or on none though it was judged. */
export type Segment =
  | { kind: "marker"; text: string; numbers: number[] }
  | { kind: "text"; text: string; numbers: number[]; doubt: "" | "unsupported" | "order" };

const MARKER = /\[\s?\d{1,3}(?:\s?,\s?\d{1,3}){0,31}\s?\]/g;

interface Judged {
  text: string;
  citations: readonly Citation[];
  sentences: readonly Sentence[];
}

/** The pieces of an answer in order; `known` are the numbers of its passages, so that other brackets stay text. */
export function segments(answer: Judged, known: ReadonlySet<number>): Segment[] {
  const { text } = answer;
  const markers = [...text.matchAll(MARKER)]
    .map((match) => ({
      start: match.index,
      end: match.index + match[0].length,
      numbers: (match[0].match(/\d+/g) ?? []).map(Number).filter((number) => known.has(number)),
    }))
    .filter((marker) => marker.numbers.length > 0);
  const cited = inUnits(text, answer.citations);
  const judged = inUnits(text, answer.sentences);
  const cuts = new Set([0, text.length]);
  for (const { start, end } of [...markers, ...cited, ...judged]) cuts.add(start).add(end);
  const ordered = [...cuts].sort((a, b) => a - b);
  return ordered.slice(0, -1).map((start, place): Segment => {
    const end = ordered[place + 1] ?? text.length;
    const within = (span: { start: number; end: number }) => span.start <= start && end <= span.end;
    const piece = text.slice(start, end);
    const marker = markers.find(within);
    if (marker) return { kind: "marker", text: piece, numbers: marker.numbers };
    const sentence = judged.find(within)?.of;
    const numbers = cited.filter(within).map((span) => span.of.number);
    if (sentence?.supported) numbers.push(sentence.passage_number);
    const doubt = !sentence || sentence.supported ? "" : sentence.repeats_instruction ? "order" : "unsupported";
    return { kind: "text", text: piece, numbers: [...new Set(numbers)], doubt };
  });
}

/** Spans of bytes of an answer as spans of UTF-16 units. */
function inUnits<T extends { answer_start_byte: number; answer_end_byte: number }>(text: string, spans: readonly T[]) {
  const bytes = [...new Set(spans.flatMap((span) => [span.answer_start_byte, span.answer_end_byte]))].sort((a, b) => a - b);
  const units = unitOffsets(text, bytes);
  const unit = new Map(bytes.map((byte, place) => [byte, units[place] ?? 0]));
  return spans.map((of) => ({
    of,
    start: unit.get(of.answer_start_byte) ?? 0,
    end: unit.get(of.answer_end_byte) ?? 0,
  }));
}
