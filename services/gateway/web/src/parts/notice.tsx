import { Icon } from "./icon";

/** Something went wrong, in a sentence. */
export function Notice({ text }: { text: string }) {
  return (
    <div class="notice" role="alert">
      <Icon name="warning" />
      <p>{text}</p>
    </div>
  );
}
