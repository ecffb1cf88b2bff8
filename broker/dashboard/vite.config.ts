/** How the page is built: `vite build --config broker/dashboard/vite.config.ts`. */
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const OUT = fileURLToPath(new URL('../../dist/broker/dashboard', import.meta.url))

// biome-ignore lint/style/noDefaultExport: Vite reads its settings from there.
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  publicDir: false,
  plugins: [
    {
      name: 'forget-old-assets',
      // Not the whole folder: `tsc` puts the modules there that tests import.
      buildStart: () => rmSync(`${OUT}/assets`, { recursive: true, force: true }),
    },
  ],
  build: {
    outDir: OUT,
    emptyOutDir: false,
    target: 'es2023',
    cssTarget: 'esnext',
    // A data: script or style would need a wider policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
})
