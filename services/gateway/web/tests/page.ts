import { expect, test as base, type Page } from "@playwright/test";

interface Urls {
  open: string;
  guarded: string;
  key: string;
}

export const stack = (): Urls => JSON.parse(process.env["STACK"] ?? "{}") as Urls;

/** A test with the page open, that fails for whatever a browser complains of: scripts, refused styles, lost files. */
export const test = base.extend<{ page: Page }>({
  page: async ({ page }, use) => {
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" && !/status of 40[013]/.test(message.text())) complaints.push(message.text());
    });
    await page.goto(stack().open);
    await use(page);
    expect(complaints).toEqual([]);
  },
});

export { expect };

export const ISLANDS = {
  name: "islands.md",
  mimeType: "text/markdown",
  buffer: Buffer.from("# Islands\n\nMarrowmere was founded by Odile Brandt in 1871. The lighthouse is 42 metres high.\n"),
};

export async function go(page: Page, view: string): Promise<void> {
  await page.getByRole("navigation").getByRole("link", { name: view }).click();
  await expect(page).toHaveTitle(`${view} · Quadrille`);
}

/** Stores a file in a collection, and waits until it is there. */
export async function store(page: Page, collection: string, file: typeof ISLANDS): Promise<void> {
  await go(page, "Documents");
  await page.getByLabel("New collection").fill(collection);
  await page.locator('input[type="file"]').setInputFiles(file);
  await expect(page.locator(".row[data-state]", { hasText: file.name })).toHaveAttribute("data-state", /stored|unchanged/);
}
