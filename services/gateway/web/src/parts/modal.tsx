import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

interface Props {
  title: string;
  open: boolean;
  onClose: () => void;
  children: ComponentChildren;
  class?: string;
}

/** The browser's own dialog: it keeps the focus within, gives it back, and closes on Esc or a click beside it. */
export function Modal({ title, open, onClose, children, class: more = "" }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  // At once, so that a dialog that is opened again is open before it hears that it was closed.
  useLayoutEffect(() => {
    const shown = dialog.current;
    if (open && !shown?.open) shown?.showModal();
    if (!open && shown?.open) shown.close();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      class={`dialog ${more}`}
      aria-labelledby={heading}
      onClose={() => {
        if (!dialog.current?.open) onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      {open && (
        <>
          <h2 id={heading}>{title}</h2>
          {children}
        </>
      )}
    </dialog>
  );
}
