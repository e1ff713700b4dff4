import { shortcutsOpen } from "../lib/shortcuts";
import { Modal } from "./modal";

const SHORTCUTS: readonly (readonly [string[], string])[] = [
  [["/"], "Write"],
  [["Enter"], "Send"],
  [["Shift", "Enter"], "Begin a new line"],
  [["Esc"], "Stop what runs"],
  [["↑", "↓"], "Go from document to document"],
  [["Delete"], "Delete a document, once asked again"],
  [["Alt", "1"], "Go to the first view, and so on up to 6"],
  [["?"], "Show this"],
];

export function ShortcutsDialog() {
  return (
    <Modal
      title="Keyboard"
      open={shortcutsOpen.value}
      onClose={() => {
        shortcutsOpen.value = false;
      }}
    >
      <dl class="shortcuts">
        {SHORTCUTS.map(([keys, meaning]) => (
          <>
            <dt>
              {keys.map((name) => (
                <kbd key={name}>{name}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </>
        ))}
      </dl>
    </Modal>
  );
}
