import { useEffect, useId, useState } from "preact/hooks";
import { apiKey, keyDialog, keyRemembered, setKey } from "../lib/key";
import { Switch } from "./fields";
import { Modal } from "./modal";

export function KeyDialog() {
  const { open, reason } = keyDialog.value;
  const close = () => {
    if (keyDialog.value.open) keyDialog.value = { open: false, reason: "" };
  };
  return (
    <Modal title="API key" open={open} onClose={close}>
      <Form reason={reason} onDone={close} />
    </Modal>
  );
}

function Form({ reason, onDone }: { reason: string; onDone: () => void }) {
  const id = useId();
  const [key, change] = useState(apiKey.value);
  const [remember, setRemember] = useState(keyRemembered.value);
  useEffect(() => document.getElementById(id)?.focus(), []);
  const save = (event: Event) => {
    event.preventDefault();
    setKey(key.trim(), remember);
    onDone();
  };
  return (
    <form onSubmit={save}>
      <p>{reason || "Sent with every request of this page, and to this gateway only. Leave it empty where none is asked for."}</p>
      <div class="fields">
        <div class="field">
          <label for={id}>Key</label>
          <input
            id={id}
            class="input mono"
            type="password"
            autocomplete="off"
            spellcheck={false}
            placeholder="qd-…"
            value={key}
            onInput={(event) => change(event.currentTarget.value)}
          />
        </div>
        <Switch
          label="Remember it in this browser"
          hint="Otherwise it is forgotten when this tab closes."
          on={remember}
          onChange={setRemember}
        />
      </div>
      <div class="dialog-actions">
        {apiKey.value && (
          <button
            type="button"
            class="button"
            onClick={() => {
              setKey("", false);
              onDone();
            }}
          >
            Forget it
          </button>
        )}
        <button class="button primary">Save</button>
      </div>
    </form>
  );
}
