/** Line icons on a grid of 24, drawn for this page. */
const PATHS = {
  chat: "M4 6.5A2.5 2.5 0 0 1 6.5 4h11A2.5 2.5 0 0 1 20 6.5v7a2.5 2.5 0 0 1-2.5 2.5H11l-4.5 4v-4A2.5 2.5 0 0 1 4 13.5z",
  ask: "M6 4h8l4 4v3M6 4v16h4.5M14 4v4h4M9 12h4M9 16h1.5M16.5 19.5v.01M14.5 15.5a2 2 0 1 1 2.9 1.8c-.6.3-.9.7-.9 1.2",
  documents: "M4 7a2 2 0 0 1 2-2h3.5l2 2.5H18a2 2 0 0 1 2 2V17a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2z",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4.5 4.5",
  images: "M4 6a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2zM4.5 17l5-5 4 4 2.5-2.5 3.5 3.5M15 9h.01",
  stack: "M3.5 12H7l2.5-6.5 4.5 13L16.5 12h4",
  send: "M12 19V5.5M6.5 11 12 5.5l5.5 5.5",
  stop: "M7.5 7.5h9v9h-9z",
  key: "M14.5 13a4.5 4.5 0 1 0-4.2-2.8L4 16.5V20h3.5v-2.5H10V15l1.8-1.8c.8.3 1.7.3 2.7-.2zM15.5 8.5h.01",
  auto: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  light: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1",
  dark: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  keyboard: "M3 8a2 2 0 0 1 2-2h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2zM7 10h.01M10.5 10h.01M14 10h.01M17 10h.01M8 14.5h8",
  copy: "M9 9h9.5v10.5H9zM15 9V4.5H5.5V15H9",
  again: "M19 12a7 7 0 1 1-2-4.9L19 9M19 4.5V9h-4.5",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.5 10.5v6M13.5 10.5v6",
  upload: "M12 15.5V4.5M7.5 9 12 4.5 16.5 9M5 15v3a1.5 1.5 0 0 0 1.5 1.5h11A1.5 1.5 0 0 0 19 18v-3",
  download: "M12 4.5v11M7.5 11l4.5 4.5 4.5-4.5M5 19.5h14",
  chevron: "M7.5 10l4.5 4.5 4.5-4.5",
  check: "M5.5 12.5l4.5 4.5 8.5-10",
  warning: "M12 4.5 3.5 19h17zM12 10v4M12 16.5v.01",
  close: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  plus: "M12 5.5v13M5.5 12h13",
  file: "M7 4h7l4 4v12H7zM14 4v4h4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} {...(name === "stop" ? { fill: "currentColor" } : {})} />
    </svg>
  );
}
