import { expect, stack, test } from "./page";

async function running(page: import("@playwright/test").Page): Promise<number> {
  const answer = await page.request.get(`${stack().open}/api/stack`);
  const { figures } = (await answer.json()) as { figures: Record<string, number> };
  return figures["text_running"] ?? -1;
}

test("an answer streams and tells how it went", async ({ page }) => {
  await page.getByLabel("Message").fill("What is Quadrille?");
  await page.getByLabel("Message").press("Enter");
  const answer = page.locator(".turn.answered");
  await expect(answer).toHaveAttribute("data-state", "done");
  await expect(answer.locator(".prose")).toContainText("gRPC");
  await expect(answer).toContainText(/\d+ tokens.*first after/);
});

test("a long answer stops, and the device with it", async ({ page }) => {
  await page.getByLabel("Temperature").press("End");
  await page.getByLabel("Longest answer").press("End");
  await page.getByLabel("Message").fill("Tell me everything.");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.locator(".turn.answered .prose")).not.toBeEmpty();
  await page.keyboard.press("Escape");
  await expect(page.locator(".turn.answered")).toHaveAttribute("data-state", "stopped");
  await expect.poll(() => running(page)).toBe(0);
});

test("an answer that ends before its end has failed", async ({ page }) => {
  const chunk = { model: "tiny", choices: [{ delta: { content: "Half a" }, finish_reason: null }] };
  await page.route("**/v1/chat/completions", (route) =>
    route.fulfill({ contentType: "text/event-stream", body: `data: ${JSON.stringify(chunk)}\n\n` }),
  );
  await page.getByLabel("Message").fill("Hello");
  await page.getByLabel("Message").press("Enter");
  await expect(page.locator(".turn.answered")).toHaveAttribute("data-state", "failed");
  await expect(page.getByRole("alert")).toContainText("ended early");
});

test("settings outlive the page", async ({ page }) => {
  await page.getByLabel("System prompt").fill("Be brief.");
  await page.reload();
  await expect(page.getByLabel("System prompt")).toHaveValue("Be brief.");
});

test("what goes wrong is said, and can be tried again", async ({ page }) => {
  await page.getByLabel("System prompt").fill("x ".repeat(20_000));
  await page.getByLabel("Message").fill("Hello");
  await page.getByLabel("Message").press("Enter");
  await expect(page.getByRole("alert")).toContainText(/token/);
  await page.getByLabel("System prompt").fill("");
  await page.getByRole("button", { name: "Again" }).click();
  await expect(page.locator(".turn.answered")).toHaveAttribute("data-state", "done");
});
