export interface Named {
  name: string;
  file: File;
}

/** What was dropped, folders with all that is in them; names are paths. Hidden files stay where they are. */
export async function dropped(items: DataTransferItemList): Promise<Named[]> {
  // Entries must be taken before anything is awaited: the list is emptied then.
  const found = [...items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  return (await Promise.all(found.map((item) => (item instanceof File ? [{ name: item.name, file: item }] : item ? walk(item) : [])))).flat();
}

export function picked(list: FileList | null): Named[] {
  return [...(list ?? [])].map((file) => ({ name: file.webkitRelativePath || file.name, file }));
}

async function walk(entry: FileSystemEntry): Promise<Named[]> {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ name: entry.fullPath.replace(/^\//, ""), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) break;
    found.push(...some);
  }
  return (await Promise.all(found.map(walk))).flat();
}
