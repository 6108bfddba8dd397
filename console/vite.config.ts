import { defineConfig } from "vite";

// Names without hashes, nothing inlined, no polyfills: the same sources give the same bytes, and a strict policy holds.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../src/antiphon/server/page",
    emptyOutDir: true,
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"], // which know light-dark()
    modulePreload: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      input: { index: "index.html", worklet: "src/sound/worklet.ts", shell: "src/shell.ts" },
      output: { entryFileNames: "[name].js", chunkFileNames: "[name].js", assetFileNames: "[name][extname]" },
    },
  },
});
