/** Words that say nothing of what a text is about; shorter ones never do. */
const COMMON = ["the", "and", "was", "are", "for", "that", "with", "his", "her", "its", "from", "this", "has", "were", "not"];
const WORD = /([\p{L}\p{N}]+)/u;
/** What may stand between two shared words so that they are marked as one: at most one short word. */
const BETWEEN = /^\s*(?:\p{L}{1,3}\s+)?$/u;

/** A passage cut where words of these texts stand: every second piece is made of them. */
export function shared(passage: string, texts: readonly string[]): string[] {
  const words = new Set(texts.flatMap((text) => text.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? []));
  for (const common of COMMON) words.delete(common);
  const pieces = [""];
  for (const piece of passage.split(WORD)) {
    const last = pieces.length - 1;
    if (!words.has(piece.toLowerCase())) pieces[last] += piece;
    else if (last > 0 && BETWEEN.test(pieces[last] ?? "")) pieces.splice(last - 1, 2, pieces.slice(last - 1).join("") + piece, "");
    else pieces.push(piece, "");
  }
  return pieces;
}
