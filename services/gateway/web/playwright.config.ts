import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

const SYSTEM = "/usr/bin/chromium"; // where the system brings one; else what `npx playwright install chromium` brings

export default defineConfig({
  testDir: "tests",
  outputDir: "node_modules/.playwright",
  globalSetup: "./tests/start-stack.ts",
  workers: 1,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: "list",
  use: {
    viewport: { width: 1360, height: 860 },
    launchOptions: { ...(existsSync(SYSTEM) ? { executablePath: SYSTEM } : {}), args: ["--no-sandbox"] },
  },
  projects: [
    { name: "page", testMatch: "*.test.ts" },
    { name: "screenshots", testMatch: "screenshots.ts" },
  ],
});
