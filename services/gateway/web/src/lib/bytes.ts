const encoder = new TextEncoder();

/**
 * Offsets in UTF-16 units of offsets in UTF-8 bytes, in ascending order: the contract counts bytes, JavaScript doesn't.
 */
export function unitOffsets(text: string, bytes: readonly number[]): number[] {
  const found: number[] = [];
  let byte = 0;
  let unit = 0;
  for (const target of bytes) {
    while (byte < target && unit < text.length) {
      const character = String.fromCodePoint(text.codePointAt(unit) ?? 0);
      byte += encoder.encode(character).length;
      unit += character.length;
    }
    found.push(unit);
  }
  return found;
}
