export interface ServerEvent {
  name: string;
  data: string;
}

/** Server-sent events of a stream of bytes, however it is cut; comments and fields that nobody uses are left out. */
export async function* events(stream: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let name = "";
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += decoder.decode(value, { stream: !done });
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = done ? "" : (lines.pop() ?? "");
      for (const line of lines) {
        if (line === "") {
          if (data.length > 0) yield { name, data: data.join("\n") };
          name = "";
          data = [];
        } else if (line.startsWith("data:")) data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
        else if (line.startsWith("event:")) name = line.slice(6).trim();
      }
      if (done) return;
    }
  } finally {
    // A reader who leaves cancels the request, and with it the work behind it.
    await reader.cancel().catch(() => undefined);
  }
}
