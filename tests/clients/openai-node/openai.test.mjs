// OpenAI's own client for Node, at Quadrille's door.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI, { BadRequestError, NotFoundError } from "openai";

const client = new OpenAI({ baseURL: `${process.env.QUADRILLE_HTTP}/v1`, apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: "What is Quadrille?" }];
const options = { model: "starter", messages, temperature: 0, max_tokens: 24 };

test("models", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes("starter") && ids.includes("minilm"));
  assert.equal((await client.models.retrieve("minilm")).owned_by, "quadrille");
});

test("a chat and its stream say the same", async () => {
  const whole = await client.chat.completions.create(options);
  assert.ok(whole._request_id);
  let said = "";
  let usage = null;
  const stream = await client.chat.completions.create({
    ...options,
    stream: true,
    stream_options: { include_usage: true },
  });
  for await (const chunk of stream) {
    said += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(said, whole.choices[0].message.content);
  assert.deepEqual(usage, whole.usage);
});

test("the stream helper builds the same message", async () => {
  const final = await client.chat.completions.stream(options).finalChatCompletion();
  assert.equal(final.choices[0].message.role, "assistant");
  assert.ok(final.choices[0].message.content);
});

test("a stream that is left ends", async () => {
  const stream = await client.chat.completions.create({ ...options, max_tokens: 512, stream: true });
  for await (const chunk of stream) {
    assert.equal(chunk.object, "chat.completion.chunk");
    break;
  }
  assert.ok(stream.controller.signal.aborted);
});

test("structured output", async () => {
  const schema = {
    type: "object",
    properties: { ok: { type: "boolean" } },
    required: ["ok"],
    additionalProperties: false,
  };
  const parsed = await client.chat.completions.parse({
    ...options,
    max_tokens: 100,
    response_format: { type: "json_schema", json_schema: { name: "ok", strict: true, schema } },
  });
  assert.equal(typeof JSON.parse(parsed.choices[0].message.content).ok, "boolean");
});

test("a forced call", async () => {
  const parameters = { type: "object", properties: { far: { type: "boolean" } }, additionalProperties: false };
  const answer = await client.chat.completions.create({
    ...options,
    model: "tools",
    max_tokens: 200,
    tools: [{ type: "function", function: { name: "look", parameters } }],
    tool_choice: "required",
  });
  assert.equal(answer.choices[0].message.tool_calls[0].function.name, "look");
  assert.equal(answer.choices[0].finish_reason, "tool_calls");
});

test("completions", async () => {
  const answer = await client.completions.create({ model: "starter", prompt: ["Once", "Then"], max_tokens: 4 });
  assert.deepEqual(
    answer.choices.map((choice) => choice.index),
    [0, 1],
  );
});

test("embeddings, which this client asks for in base64", async () => {
  const body = { model: "minilm", input: "cats purr" };
  const packed = await client.embeddings.create(body);
  const plain = await client.embeddings.create({ ...body, encoding_format: "float" });
  assert.equal(packed.data[0].embedding.length, 384);
  packed.data[0].embedding.forEach((value, place) => {
    assert.ok(Math.abs(value - plain.data[0].embedding[place]) < 1e-6);
  });
});

test("images", async () => {
  const answer = await client.images.generate({ model: "starter", prompt: "a blue square", size: "64x64" });
  const bytes = Buffer.from(answer.data[0].b64_json, "base64");
  assert.equal(bytes.subarray(1, 4).toString(), "PNG");
});

test("errors are of their classes and name the parameter", async () => {
  await assert.rejects(client.chat.completions.create({ ...options, max_tokens: 1e9 }), (error) => {
    assert.ok(error instanceof BadRequestError);
    assert.equal(error.param, "max_tokens");
    assert.ok(error.requestID);
    return true;
  });
  await assert.rejects(client.chat.completions.create({ ...options, model: "other" }), NotFoundError);
});
