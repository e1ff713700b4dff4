import { duration } from "../lib/format";
import { Icon } from "../parts/icon";
import { isRunning, remove, stop, type Picture } from "./state";

export function PictureTile({ picture }: { picture: Picture }) {
  const { id, prompt, source, state, problem } = picture;
  return (
    <li class="picture" data-state={state}>
      <figure>
        <div class="frame">
          {source !== undefined && <img src={source} alt={state === "done" ? prompt : `Preview of: ${prompt}`} />}
          {isRunning(picture) && (
            <span class="frame-note">
              <span class="busy" />
              {state === "waiting" ? "Waiting" : `Preview ${picture.previews}`}
            </span>
          )}
          {state === "stopped" && <span class="frame-note">Cancelled</span>}
          <div class="frame-tools">
            {isRunning(picture) ? (
              <button type="button" class="button round" aria-label={`Cancel: ${prompt}`} title="Cancel" onClick={() => stop(id)}>
                <Icon name="stop" />
              </button>
            ) : (
              <>
                {state === "done" && source !== undefined && (
                  <a
                    class="button round"
                    aria-label={`Download: ${prompt}`}
                    title="Download"
                    href={source}
                    download={`quadrille-${picture.seed}.png`}
                  >
                    <Icon name="download" />
                  </a>
                )}
                <button type="button" class="button round" aria-label={`Remove: ${prompt}`} title="Remove" onClick={() => remove(id)}>
                  <Icon name="close" />
                </button>
              </>
            )}
          </div>
        </div>
        <figcaption>
          <p>{prompt}</p>
          {problem !== undefined && <p class="row-problem">{problem}</p>}
          <p class="meta">
            <span>{picture.model}</span>
            <span>seed {picture.seed}</span>
            {picture.size !== undefined && <span>{picture.size.replace("x", " × ")}</span>}
            {picture.milliseconds !== undefined && <span>{duration(picture.milliseconds)}</span>}
          </p>
        </figcaption>
      </figure>
    </li>
  );
}
