import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

/** Starts the stack for all tests, and gives what ends it. */
export default async function startStack(): Promise<() => Promise<void>> {
  const root = resolve(import.meta.dirname, "../../../..");
  const python = process.env["PYTHON"] ?? resolve(root, ".venv/bin/python");
  const stack = spawn(python, [resolve(import.meta.dirname, "stack.py")], {
    cwd: root,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(stack, "exit");
  const told = once(createInterface(stack.stdout), "line").then(([line]) => line as string);
  const line = await Promise.race([told, ended.then(() => "")]);
  if (!line) throw new Error("the stack did not start");
  process.env["STACK"] = line;
  return async () => {
    stack.stdin.end();
    await ended;
  };
}
