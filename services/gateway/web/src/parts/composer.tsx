import { useEffect, useRef } from "preact/hooks";
import { Icon } from "./icon";

interface Props {
  label: string;
  placeholder: string;
  value: string;
  busy: boolean;
  disabled?: boolean;
  note: string;
  onInput: (value: string) => void;
  onSend: () => void;
  onStop: () => void;
}

/** Where one writes. Enter sends, Shift+Enter begins a line; while something runs, its button stops it. */
export function Composer({ label, placeholder, value, busy, disabled, note, onInput, onSend, onStop }: Props) {
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus({ preventScroll: true }), []);
  const send = (event: Event) => {
    event.preventDefault();
    if (!busy && !disabled && value.trim() !== "") onSend();
  };
  return (
    <div class="composer">
      <form onSubmit={send}>
        <textarea
          ref={field}
          data-composer
          rows={1}
          aria-label={label}
          {...{ placeholder, value }}
          onInput={(event) => onInput(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
          }}
        />
        {busy ? (
          <button type="button" class="button round" aria-label="Stop" title="Stop (Esc)" onClick={onStop}>
            <Icon name="stop" />
          </button>
        ) : (
          <button class="button primary round" aria-label="Send" title="Send (Enter)" disabled={disabled || value.trim() === ""}>
            <Icon name="send" />
          </button>
        )}
      </form>
      <p class="composer-note">{note}</p>
    </div>
  );
}
