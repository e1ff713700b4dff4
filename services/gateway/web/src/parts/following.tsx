import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

const NEAR = 96; // pixels from the end that still count as reading along

/** Scrolls along with what grows, unless its reader went elsewhere. */
export function Following({ by, children }: { by: readonly unknown[]; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  const along = useRef(true);
  useLayoutEffect(() => {
    const shown = box.current;
    if (shown && along.current && by.length > 0) shown.scrollTop = shown.scrollHeight;
  }, [by]);
  return (
    <div
      ref={box}
      class="stage-scroll"
      tabIndex={0}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        along.current = scrollHeight - scrollTop - clientHeight < NEAR;
      }}
    >
      {children}
    </div>
  );
}
