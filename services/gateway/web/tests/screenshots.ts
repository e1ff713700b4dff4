import { resolve } from "node:path";
import { expect, go, store, test } from "./page";

const FOLDER = resolve(import.meta.dirname, "../../../../docs/images");

const FILES = {
  "islands.md": "# Islands\n\nMarrowmere was founded by Odile Brandt in 1871. The lighthouse is 42 metres high.\n",
  "people.md": "# People\n\nAnsel Roke was born on 3 May 1904. Ida Lund lives in the town of Tolven.\n",
  "houses.md": "# Houses\n\nThe library stores its books in the old brewery. The ferry leaves from Tolven every Tuesday.\n",
};

for (const scheme of ["light", "dark"] as const) {
  test(`pictures of the page when ${scheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width: 1280, height: 800 });
    const picture = (name: string) => page.screenshot({ path: resolve(FOLDER, `playground-${name}-${scheme}.png`) });
    for (const [name, text] of Object.entries(FILES)) {
      await store(page, "almanac", { name, mimeType: "text/markdown", buffer: Buffer.from(text) });
    }
    await page.getByRole("button", { name: "Clear what is done" }).click();
    await page.mouse.move(4, 4);
    await picture("documents");
    await go(page, "Ask");
    await page.getByText("How it answers").click();
    await page.getByLabel("Follow-up questions").selectOption("FORGET");
    await page.getByText("How it answers").click();
    for (const question of ["When was Ansel Roke born?", "Who founded Marrowmere?"]) {
      await page.getByLabel("Question", { exact: true }).fill(question);
      await page.getByLabel("Question", { exact: true }).press("Enter");
      await expect(page.locator(".answer").last().locator(".verdict")).toBeVisible();
    }
    await page.locator(".answer").last().locator("button.cite").first().click();
    await page.waitForTimeout(500);
    await picture("ask");

    await go(page, "Images");
    await page.getByLabel("How many").fill("3");
    await page.getByLabel("Seed").fill("11");
    await page.getByLabel("Prompt").fill("a small red circle above a blue square");
    await page.getByLabel("Prompt").press("Enter");
    await expect(page.locator('.picture[data-state="done"]')).toHaveCount(3);
    await page.getByLabel("Prompt").fill("a large green triangle");
    await page.getByLabel("Prompt").press("Enter");
    await expect(page.locator('.picture[data-state="denoising"]').first()).toBeVisible();
    await page.mouse.move(4, 4);
    await picture("images");
    await expect(page.locator('.picture[data-state="done"]')).toHaveCount(6);

    await go(page, "Chat");
    await page.getByLabel("Temperature").press("End");
    await page.getByLabel("Longest answer").press("End");
    await page.getByLabel("Message").fill("Tell me everything.");
    await page.getByLabel("Message").press("Enter");
    await go(page, "Stack");
    await page.waitForTimeout(12_000);
    await picture("stack");
  });
}
