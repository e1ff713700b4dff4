import { defineConfig } from "vite";

// Built files are committed, so that running the gateway needs no Node. No file is inlined: the page's policy allows
// scripts, styles and fonts from its own origin only.
export default defineConfig({
  build: {
    outDir: "../http/playground/built",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: ["chrome123", "firefox121", "safari17.5"], // the first with light-dark()
    reportCompressedSize: false,
    license: { fileName: "licences.txt" }, // of what the script carries; the fonts' is in public/
  },
  server: {
    // npm run dev, beside a stack that `quadrille up` runs.
    proxy: { "/api": "http://127.0.0.1:8080", "/v1": "http://127.0.0.1:8080" },
  },
});
