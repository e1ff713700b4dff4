import { useEffect } from "preact/hooks";
import * as ask from "./ask/state";
import { AskView } from "./ask/view";
import * as chat from "./chat/state";
import { ChatView } from "./chat/view";
import { DocumentsView } from "./documents/view";
import * as uploads from "./documents/state";
import { ImagesView } from "./images/view";
import * as images from "./images/state";
import { announcement } from "./lib/announce";
import { view, type ViewName } from "./lib/route";
import { stopShown } from "./lib/shortcuts";
import { KeyDialog } from "./parts/key-dialog";
import { Rail } from "./parts/rail";
import { ShortcutsDialog } from "./parts/shortcuts-dialog";
import { SearchView } from "./search/view";
import { StackView } from "./stack/view";

const SHOWN: Record<ViewName, () => preact.JSX.Element> = {
  chat: ChatView,
  ask: AskView,
  documents: DocumentsView,
  search: SearchView,
  images: ImagesView,
  stack: StackView,
};

const TITLES: Record<ViewName, string> = {
  chat: "Chat",
  ask: "Ask",
  documents: "Documents",
  search: "Search",
  images: "Images",
  stack: "Stack",
};

export function App() {
  const name = view.value;
  const Shown = SHOWN[name];
  const busy: Partial<Record<ViewName, boolean>> = {
    chat: chat.running.value !== null,
    ask: ask.running.value !== null,
    documents: uploads.busy.value,
    images: images.busy.value,
  };
  useEffect(() => {
    document.title = `${TITLES[name]} · Quadrille`;
    stopShown.value = { chat: chat.stop, ask: ask.stop, images: images.stopAll }[name as string] ?? null;
  }, [name]);
  return (
    <div class="shell">
      <Rail titles={TITLES} busy={busy} />
      <main key={name}>
        <Shown />
      </main>
      <KeyDialog />
      <ShortcutsDialog />
      <p class="hidden" role="status" aria-live="polite">
        {announcement.value}
      </p>
    </div>
  );
}
