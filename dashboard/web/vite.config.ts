import { defineConfig } from "vite";

// The development server forwards everything that is not a page to a running dashboard, or to
// dev/mock.mjs, which listens on the same port.
const backend = "http://127.0.0.1:7700";

export default defineConfig({
  build: {
    target: "es2022",
    // Players are far larger than the page; each loads on /watch when it is chosen.
    chunkSizeWarningLimit: 1_200,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: {
    proxy: {
      "/v1": { target: backend, ws: true },
      "/live": backend,
      "/steering": backend,
      "/e1": backend,
      "/e2": backend,
    },
  },
});
