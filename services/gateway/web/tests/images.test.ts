import { expect, go, stack, test } from "./page";

test("images come with previews before them", async ({ page }) => {
  await go(page, "Images");
  await page.getByLabel("How many").press("Home");
  await page.getByLabel("Seed").fill("7");
  await page.getByLabel("Prompt").fill("a small red circle above a blue square");
  await page.getByLabel("Prompt").press("Enter");
  const picture = page.locator(".picture");
  await expect(picture).toHaveAttribute("data-state", "denoising");
  await expect(picture.getByAltText(/Preview of/)).toBeVisible();
  await expect(picture).toHaveAttribute("data-state", "done");
  await expect(picture).toContainText("seed 7");
  const width = await picture.locator("img").evaluate((image: HTMLImageElement) => image.naturalWidth);
  expect(width).toBe(64);
  await expect(picture.getByRole("link", { name: /Download/ })).toHaveAttribute("download", "quadrille-7.png");
});

test("an image whose stream ends before it comes has failed", async ({ page }) => {
  await page.route("**/v1/images/generations", (route) =>
    route.fulfill({ contentType: "text/event-stream", body: ": nothing comes\n\n" }),
  );
  await go(page, "Images");
  await page.getByLabel("How many").press("Home");
  await page.getByLabel("Prompt").fill("a small red circle");
  await page.getByLabel("Prompt").press("Enter");
  await expect(page.locator(".picture")).toHaveAttribute("data-state", "failed");
});

test("one is cancelled, and the others go on", async ({ page }) => {
  await go(page, "Images");
  await page.getByLabel("Steps").press("End");
  await page.getByLabel("Prompt").fill("a large green triangle");
  await page.getByLabel("Prompt").press("Enter");
  await expect(page.locator(".picture")).toHaveCount(2);
  await page.getByRole("button", { name: /Cancel/ }).first().click();
  await expect(page.locator(".picture").first()).toHaveAttribute("data-state", "stopped");
  await expect(page.locator(".picture").last()).toHaveAttribute("data-state", "done");
  await expect
    .poll(async () => {
      const answer = await page.request.get(`${stack().open}/api/stack`);
      return ((await answer.json()) as { figures: Record<string, number> }).figures["image_running"];
    })
    .toBe(0);
});
