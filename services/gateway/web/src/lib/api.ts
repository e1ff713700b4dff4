import { apiKey, keyDialog } from "./key";
import { events, type ServerEvent } from "./sse";

/** What a server said was wrong, in OpenAI's form. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string | null,
    readonly requestId: string | null,
  ) {
    super(message);
  }
}

interface ErrorBody {
  error?: { message?: string; code?: string | null };
}

export function headers(kind?: string): Record<string, string> {
  return {
    ...(kind === undefined ? {} : { "content-type": kind }),
    ...(apiKey.value === "" ? {} : { authorization: `Bearer ${apiKey.value}` }),
  };
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await reach(path, { headers: headers(), ...(signal && { signal }) });
  return (await response.json()) as T;
}

export async function deleteJson<T>(path: string): Promise<T> {
  const response = await reach(path, { method: "DELETE", headers: headers() });
  return (await response.json()) as T;
}

export async function postJson<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const response = await reach(path, post(body, signal));
  return (await response.json()) as T;
}

/** Posts, and yields the answer's server-sent events; raises ApiError, also for a failure that ends the stream. */
export async function* postStream(
  path: string,
  body: unknown,
  signal: AbortSignal,
): AsyncGenerator<{ name: string; data: unknown }> {
  const response = await reach(path, post(body, signal));
  if (response.body === null) throw new ApiError("the answer is empty", response.status, null, null);
  for await (const event of events(response.body)) {
    if (event.data === "[DONE]") return;
    yield { name: event.name, data: parsed(event, response) };
  }
}

function parsed(event: ServerEvent, response: Response): unknown {
  const data: unknown = JSON.parse(event.data);
  const error = (data as ErrorBody | null)?.error;
  if (error === undefined) return data;
  const id = response.headers.get("x-request-id");
  throw new ApiError(error.message ?? "it failed", response.status, error.code ?? null, id);
}

function post(body: unknown, signal?: AbortSignal): RequestInit {
  const text = JSON.stringify(body);
  return { method: "POST", headers: headers("application/json"), body: text, ...(signal && { signal }) };
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  const key = apiKey.value;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError("The gateway cannot be reached.", 0, "unreachable", null);
  }
  if (!response.ok) throw failureOf(response.status, await response.text(), response.headers.get("x-request-id"), key);
  return response;
}

/** The error of an answer that is none; asks for a key where none was sent, or a bad one that is still the one that is set. */
export function failureOf(status: number, text: string, requestId: string | null, key: string): ApiError {
  let said: ErrorBody = {};
  try {
    said = JSON.parse(text) as ErrorBody;
  } catch {
    // A proxy's page, perhaps: its status must do.
  }
  const message = said.error?.message ?? `The server answered with status ${status}.`;
  if (status === 401 && key === apiKey.value && !keyDialog.value.open) {
    const reason = key ? "This key was not accepted." : "This gateway asks for an API key.";
    keyDialog.value = { open: true, reason };
  }
  return new ApiError(message, status, said.error?.code ?? null, requestId);
}

/** What is wrong with a stream that ends before its last event, as when the gateway shuts down. */
export function endedEarly(): ApiError {
  return new ApiError("The answer ended early.", 0, "ended_early", null);
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** A sentence for people. */
export function sentence(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const capital = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
