import AxeBuilder from "@axe-core/playwright";
import { expect, go, ISLANDS, stack, store, test } from "./page";

test("the stack is seen, with what it does", async ({ page }) => {
  await page.getByLabel("Message").fill("What is Quadrille?");
  await page.getByLabel("Message").press("Enter");
  await expect(page.locator(".turn.answered")).toHaveAttribute("data-state", "done");
  await go(page, "Stack");
  await expect(page.locator(".service")).toHaveCount(4);
  await expect(page.locator('.service .dot[data-state="up"]')).toHaveCount(4);
  await expect(page.locator(".queues tbody tr")).toHaveCount(3);
  await expect(page.locator(".chart", { hasText: "Tokens written" }).locator("path").first()).toBeVisible();
  await expect(page.locator(".totals")).toContainText("tokens written");
});

test("what waits and is refused at the gateway is seen", async ({ page }) => {
  let looks = 0;
  await page.route("**/api/stack", (route) => {
    looks += 1;
    const generate = { places: 16, running: 4, waiting: 3, refused: 10 * looks };
    return route.fulfill({ json: { at_s: looks, services: {}, pools: { generate }, limited: looks, figures: {} } });
  });
  await go(page, "Stack");
  const cells = page.locator("tr", { has: page.getByRole("rowheader", { name: "Answers" }) }).getByRole("cell");
  await expect(cells.nth(0)).toHaveText("4 of 16");
  await expect(cells.nth(1)).toHaveText("3");
  await expect(cells.nth(2)).toHaveText(/^10\d+ so far$/); // ten a second
  await expect(cells.nth(3).getByRole("img", { name: /now 7/ }).locator("path").first()).toBeVisible();
  await expect(page.getByRole("row", { name: /Over the limits/ })).toContainText(/^Over the limits of a key or tenant1\d+ so far$/);
});

test("a key is asked for where one is needed, and kept as its user says", async ({ page, context }) => {
  await page.goto(stack().guarded);
  const dialog = page.getByRole("dialog", { name: "API key" });
  await expect(dialog).toContainText("asks for an API key");
  await dialog.getByLabel("Key", { exact: true }).fill("wrong");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toContainText("was not accepted");
  await dialog.getByLabel("Key", { exact: true }).fill(stack().key);
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(page.getByLabel("Answers come from")).toContainText("starter");
  const another = await context.newPage();
  await another.goto(stack().guarded);
  await expect(another.getByRole("dialog", { name: "API key" })).toBeVisible(); // it was not to be remembered
});

test("the keyboard suffices", async ({ page }) => {
  await page.keyboard.press("Alt+5");
  await expect(page).toHaveTitle("Images · Quadrille");
  await expect(page.getByLabel("Prompt")).toBeFocused();
  await page.keyboard.press("Alt+4");
  await page.locator("h1").click();
  await page.keyboard.press("/");
  await expect(page.getByLabel("What to look for")).toBeFocused();
  await page.locator("h1").click();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog", { name: "Keyboard" })).toBeHidden();
});

test("themes are followed and can be chosen", async ({ page }) => {
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: "light" });
  const light = await paper();
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await paper()).not.toBe(light);
  await page.getByRole("button", { name: /Theme/ }).click();
  expect(await paper()).toBe(light);
  await page.reload();
  expect(await paper()).toBe(light);
});

for (const scheme of ["light", "dark"] as const) {
  test(`all views are accessible when ${scheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await store(page, "islands", ISLANDS);
    await go(page, "Ask");
    await page.getByLabel("Question", { exact: true }).fill("Who founded Marrowmere?");
    await page.getByLabel("Question", { exact: true }).press("Enter");
    await expect(page.locator(".verdict")).toBeVisible();
    for (const view of ["Chat", "Ask", "Documents", "Search", "Images", "Stack"]) {
      await go(page, view);
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => [view, id, nodes.map((node) => node.html)])).toEqual([]);
    }
    await go(page, "Documents");
    await page.getByRole("button", { name: "Delete islands.md" }).click();
    await expect(page.getByRole("dialog", { name: "Delete this document?" })).toBeVisible();
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  });
}

test("nothing is too wide for a telephone", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 780 });
  for (const view of ["Chat", "Ask", "Documents", "Search", "Images", "Stack"]) {
    await go(page, view);
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    expect(content, view).toBeLessThanOrEqual(window);
  }
});
