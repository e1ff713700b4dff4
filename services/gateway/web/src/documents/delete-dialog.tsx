import { plural } from "../lib/format";
import { Modal } from "../parts/modal";
import { doomed, type Stored } from "./stored";

/** Asks again before a document goes. */
export function DeleteDialog({ onDelete }: { onDelete: (item: Stored) => void }) {
  const item = doomed.value;
  const close = () => {
    doomed.value = null;
  };
  return (
    <Modal title="Delete this document?" open={item !== null} onClose={close}>
      {item && (
        <>
          <p class="doomed">
            <strong>{item.id}</strong> and its {plural(item.chunks, "passage")} will be found no longer. This can't be undone; the file
            that it came from stays as it is.
          </p>
          <div class="dialog-actions">
            <button type="button" class="button" autofocus onClick={close}>
              Keep it
            </button>
            <button type="button" class="button danger" onClick={() => onDelete(item)}>
              Delete
            </button>
          </div>
        </>
      )}
    </Modal>
  );
}
