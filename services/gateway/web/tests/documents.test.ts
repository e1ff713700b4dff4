import { expect, go, ISLANDS, store, test } from "./page";

test("files are dropped, stored and searched for", async ({ page }) => {
  await go(page, "Documents");
  await page.getByLabel("New collection").fill("dropped");
  const files = await page.evaluateHandle(() => {
    const dropped = new DataTransfer();
    dropped.items.add(new File(["The ferry leaves from Tolven every Tuesday."], "ferry.txt"));
    dropped.items.add(new File(["?"], "strange.xyz"));
    return dropped;
  });
  await page.dispatchEvent(".drop-zone", "drop", { dataTransfer: files });
  await expect(page.locator(".row[data-state]", { hasText: "ferry.txt" })).toHaveAttribute("data-state", "stored");
  await expect(page.locator(".row[data-state]", { hasText: "strange.xyz" })).toContainText("can't be read");
  await expect(page.getByRole("button", { name: /dropped/ })).toContainText("1 document, 1 passage");

  await go(page, "Search");
  for (const by of ["Both", "Meaning", "Words"]) {
    await page.getByText(by, { exact: true }).click();
    await page.getByLabel("What to look for").fill("When does the ferry leave?");
    await page.getByLabel("What to look for").press("Enter");
    await expect(page.locator(".hit").first()).toContainText("ferry.txt");
  }
  await expect(page.locator(".hit mark").first()).toHaveText(/ferry/);
});

test("an answer cites its passages, and a citation shows where it stands", async ({ page }) => {
  await store(page, "islands", ISLANDS);
  await go(page, "Ask");
  await page.getByLabel("Question", { exact: true }).fill("Who founded Marrowmere?");
  await page.getByLabel("Question", { exact: true }).press("Enter");
  const answer = page.locator(".answer");
  await expect(answer.locator(".verdict")).toContainText("1 of 1 sentence supported");
  await expect(answer.locator(".cited")).toContainText("Odile Brandt");
  await answer.getByRole("button", { name: "Passage 1" }).click();
  const passage = page.locator('.passage[data-looked="true"]');
  await expect(passage).toContainText("islands.md");
  await expect(passage.locator("mark")).toContainText("Marrowmere was founded by Odile Brandt in 1871.");
});

test("a follow-up is searched for with what came before", async ({ page }) => {
  await store(page, "islands", ISLANDS);
  await go(page, "Ask");
  for (const question of ["Who founded Marrowmere?", "How high is the lighthouse?"]) {
    await page.getByLabel("Question", { exact: true }).fill(question);
    await page.getByLabel("Question", { exact: true }).press("Enter");
    await expect(page.locator(".answer").last().locator(".verdict")).toBeVisible();
  }
  await expect(page.locator(".rewritten")).toContainText("Marrowmere");
});

test("where nothing is found, the page says that no model was asked", async ({ page }) => {
  await store(page, "islands", ISLANDS);
  await go(page, "Ask");
  await page.getByText("Words", { exact: true }).click();
  await page.getByLabel("Question", { exact: true }).fill("xylophone zeppelin");
  await page.getByLabel("Question", { exact: true }).press("Enter");
  await expect(page.locator(".abstained")).toContainText("no model was asked");
});

test("what is stored is listed, and goes when its reader says so twice, by keyboard alone", async ({ page }) => {
  await store(page, "shelf", ISLANDS);
  await store(page, "shelf", { ...ISLANDS, name: "letters.md", buffer: Buffer.from("Ida Lund lives in Tolven.") });
  const rows = page.locator(".row:has(.row-action)");
  await expect(rows).toHaveCount(2);
  await expect(rows.first()).toContainText("Islands");
  await expect(rows.first()).toContainText("islands.md");
  await expect(rows.first()).toContainText("1 passage");
  await expect(rows.first()).toContainText(`${ISLANDS.buffer.length} B of text`);
  const letters = page.getByRole("button", { name: "Delete letters.md" });
  await page.getByRole("button", { name: "Delete islands.md" }).focus();
  await page.keyboard.press("ArrowDown");
  await expect(letters).toBeFocused();
  await page.keyboard.press("Delete");
  const dialog = page.getByRole("dialog", { name: "Delete this document?" });
  await expect(dialog).toContainText("letters.md");
  await expect(dialog.getByRole("button", { name: "Keep it" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(letters).toBeFocused();
  await page.keyboard.press("Delete");
  await expect(dialog.getByRole("button", { name: "Keep it" })).toBeFocused();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(rows).toHaveCount(1);
  await expect(page.getByRole("button", { name: "Delete islands.md" })).toBeFocused();
  await expect(page.getByRole("button", { name: /^shelf/ })).toContainText("1 document, 1 passage");
});

test("a long listing is read page by page", async ({ page }) => {
  await page.route("**/api/documents?*", (route) => {
    const url = new URL(route.request().url());
    url.searchParams.set("page_size", "1");
    return route.continue({ url: url.toString() });
  });
  for (const name of ["a.md", "b.md"]) await store(page, "long", { ...ISLANDS, name });
  const rows = page.locator(".row:has(.row-action)");
  await expect(rows).toHaveCount(1);
  await expect(page.locator(".list-head", { hasText: "Stored in long" })).toContainText("1 of 2 documents");
  await page.getByRole("button", { name: "Show more" }).click();
  await expect(rows).toHaveCount(2);
  await expect(page.getByRole("button", { name: "Delete b.md" })).toBeFocused();
  await expect(page.getByRole("button", { name: "Show more" })).toBeHidden();
});
