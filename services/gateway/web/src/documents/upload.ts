import { ApiError, failureOf, headers } from "../lib/api";
import { apiKey } from "../lib/key";

export type Outcome =
  | { outcome: "stored"; chunk_count: number; unchanged: boolean }
  | { outcome: "refused"; reason: string; field: string; description: string };

/** Sends one file as it is. XMLHttpRequest, because fetch doesn't tell how much of a body is gone. */
export function upload(
  collection: string,
  name: string,
  file: Blob,
  onSent: (share: number) => void,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const key = apiKey.value;
    request.open("POST", `/api/ingest?${new URLSearchParams({ collection, name }).toString()}`);
    for (const [name, value] of Object.entries(headers("application/octet-stream"))) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onSent(Math.min(loaded / total, 0.999));
    request.upload.onload = () => onSent(1);
    request.onerror = () => reject(new ApiError("The gateway cannot be reached.", 0, "unreachable", null));
    request.onload = () => {
      if (request.status === 200) resolve(JSON.parse(request.responseText) as Outcome);
      else reject(failureOf(request.status, request.responseText, request.getResponseHeader("x-request-id"), key));
    };
    request.send(file);
  });
}
