import "./styles/fonts.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/composer.css";
import "./styles/notices.css";
import "./styles/shell.css";
import "./styles/chat.css";
import "./styles/ask.css";
import "./styles/documents.css";
import "./styles/images.css";
import "./styles/stack.css";
import "./lib/theme";
import { effect } from "@preact/signals";
import { render } from "preact";
import { App } from "./app";
import { loadCollections } from "./lib/collections";
import { apiKey } from "./lib/key";
import { loadModels } from "./lib/models";
import { listenForShortcuts } from "./lib/shortcuts";
import { watchStack } from "./stack/state";

listenForShortcuts();
watchStack();
effect(() => {
  void apiKey.value; // what may be seen depends on it
  // A failure shows where it matters: the view that has no model, or no collection, and the state of the stack.
  loadModels().catch(() => undefined);
  loadCollections().catch(() => undefined);
});
render(<App />, document.getElementById("app")!);
