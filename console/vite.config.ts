import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// Built into the package; served at `/` by src/serve. `npx vite console` with a Millrace at 7070 is
// the way to work on it.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [react()],
  build: { outDir: '../dist/console', emptyOutDir: true, assetsInlineLimit: 0, chunkSizeWarningLimit: 600 },
  server: { proxy: { '/v1': 'http://127.0.0.1:7070', '/health': 'http://127.0.0.1:7070' } },
});
