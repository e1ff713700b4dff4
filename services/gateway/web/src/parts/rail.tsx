import mark from "../mark.svg";
import { apiKey, keyDialog } from "../lib/key";
import { view, VIEWS, type ViewName } from "../lib/route";
import { shortcutsOpen } from "../lib/shortcuts";
import { nextTheme, theme } from "../lib/theme";
import { overall } from "../stack/state";
import { Icon } from "./icon";

interface Props {
  titles: Record<ViewName, string>;
  busy: Partial<Record<ViewName, boolean>>;
}

const THEME_NAMES = { auto: "System", light: "Light", dark: "Dark" };

/** The way around: views above, what concerns all of them below. */
export function Rail({ titles, busy }: Props) {
  const state = overall.value;
  return (
    <header class="rail">
      <a class="brand" href="#/chat">
        <img src={mark} alt="" />
        Quadrille
      </a>
      <nav class="nav" aria-label="Views">
        {VIEWS.map((name) => (
          <a key={name} class="nav-link" href={`#/${name}`} {...(view.value === name ? { "aria-current": "page" as const } : {})}>
            <Icon name={name} />
            {titles[name]}
            {busy[name] && <span class="busy" title="Running" />}
          </a>
        ))}
      </nav>
      <div class="rail-foot">
        <button type="button" class="nav-link" onClick={nextTheme}>
          <Icon name={theme.value} />
          <span>
            <span class="hidden">Theme: </span>
            {THEME_NAMES[theme.value]}
          </span>
        </button>
        <button
          type="button"
          class="nav-link"
          onClick={() => {
            keyDialog.value = { open: true, reason: "" };
          }}
        >
          <Icon name="key" />
          {apiKey.value ? "API key set" : "API key"}
        </button>
        <button
          type="button"
          class="nav-link only-wide"
          onClick={() => {
            shortcutsOpen.value = true;
          }}
        >
          <Icon name="keyboard" />
          Shortcuts
        </button>
        <a class="status-line" href="#/stack">
          <span class="dot" data-state={state.state} />
          {state.text}
        </a>
      </div>
    </header>
  );
}
