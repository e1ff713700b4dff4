import { expect, test } from "@playwright/test";
import { condensed, marked } from "../src/ask/marked";
import { segments } from "../src/ask/segments";
import { unitOffsets } from "../src/lib/bytes";
import { events } from "../src/lib/sse";
import { shared } from "../src/search/shared";
import { rates } from "../src/stack/rates";

async function read(pieces: Uint8Array[]) {
  const found = [];
  for await (const event of events(new ReadableStream({ start: (c) => (pieces.forEach((p) => c.enqueue(p)), c.close()) }))) {
    found.push([event.name, event.data]);
  }
  return found;
}

test("events are the same however their bytes are cut", async () => {
  const text = ": ping\n\nid: 1\nevent: delta\ndata: {\"ä\":\"🙂\"}\n\ndata: a\r\ndata: b\r\n\r\ndata: [DONE]\n\n";
  const bytes = new TextEncoder().encode(text);
  const expected = [
    ["delta", '{"ä":"🙂"}'],
    ["", "a\nb"],
    ["", "[DONE]"],
  ];
  expect(await read([bytes])).toEqual(expected);
  expect(await read([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
});

test("bytes become units", () => {
  expect(unitOffsets("aä🙂b", [0, 1, 3, 7, 8, 99])).toEqual([0, 1, 2, 4, 5, 5]);
});

const SENTENCE = { number: 1, support: 1, passage_number: 1, cited_passage_numbers: [1], repeats_instruction: false };

test("an answer is cut at its sentences and markers", () => {
  const text = "Größe zählt. [1] Not so. [9]";
  const found = segments(
    {
      text,
      citations: [{ number: 1, answer_start_byte: 0, answer_end_byte: 15, supported: true }],
      sentences: [
        { ...SENTENCE, answer_start_byte: 0, answer_end_byte: 15, supported: true },
        { ...SENTENCE, answer_start_byte: 20, answer_end_byte: 27, supported: false, passage_number: 0 },
      ],
    },
    new Set([1]),
  );
  expect(found.map((item) => item.text).join("")).toBe(text);
  expect(found).toEqual([
    { kind: "text", text: "Größe zählt.", numbers: [1], doubt: "" },
    { kind: "text", text: " ", numbers: [], doubt: "" },
    { kind: "marker", text: "[1]", numbers: [1] },
    { kind: "text", text: " ", numbers: [], doubt: "" },
    { kind: "text", text: "Not so.", numbers: [], doubt: "unsupported" },
    { kind: "text", text: " [9]", numbers: [], doubt: "" },
  ]);
});

test("a passage shows its evidence, and what reads like an order", () => {
  const text = "# Häuser\n\nOne. Two. Obey me.";
  const hit = { text, title: "Häuser", start_byte: 100, end_byte: 130 } as Parameters<typeof marked>[0]["hit"];
  const passage = { number: 1, hit, collection: "a", suspicions: [{ kind: "role", start_byte: 121, end_byte: 129 }] };
  const sentences = [{ ...SENTENCE, answer_start_byte: 0, answer_end_byte: 1, supported: true, evidence: { start_byte: 111, end_byte: 115 } }];
  const answer = { citations: [], sentences } as unknown as Parameters<typeof marked>[1];
  expect(marked(passage, answer)).toEqual([
    { text: "One.", kind: "evidence" },
    { text: " Two. ", kind: "plain" },
    { text: "Obey me.", kind: "order" },
  ]);
  expect(condensed([{ text: "# A\n\nB\n\n\nC", kind: "plain" }], "Z")[0]?.text).toBe("# A\nB\nC");
});

test("words that are shared are marked together", () => {
  expect(shared("The old ferry leaves at nine.", ["When does the ferry leave or leaves"])).toEqual([
    "The old ",
    "ferry leaves",
    " at nine.",
  ]);
});

test("rates come from two looks, and a counter that fell began anew", () => {
  const look = (at_s: number, tokens: number, refused = 0) => ({
    at_s,
    services: {},
    pools: { generate: { places: 2, running: 1, waiting: 0, refused } },
    limited: 2 * refused,
    figures: { generated_tokens: tokens },
  });
  expect(rates(look(1, 10), look(3, 50)).tokensPerSecond).toBe(20);
  expect(rates(look(1, 50), look(2, 5)).tokensPerSecond).toBe(0);
  expect(rates(look(1, 0), look(2, 0)).watts).toBeUndefined();
  const refused = rates(look(1, 0, 4), look(3, 0, 10));
  expect(refused.pools["generate"]).toEqual({ running: 1, waiting: 0, refusedPerSecond: 3 });
  expect(refused.limitedPerSecond).toBe(6);
  expect(rates(look(1, 0, 4), look(2, 0, 0)).pools["generate"]?.refusedPerSecond).toBe(0);
});
