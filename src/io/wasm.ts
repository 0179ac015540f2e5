/**
 * WASM modules of this package (`dist/wasm`), compiled once a process.
 *
 * The types are spelled out here because neither the ES nor the Node library declares them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { distFolder } from './threads.js';

/** Size of a page of WASM memory, bytes. */
export const PAGE_BYTES = 65_536;

/** Linear memory. `grow` detaches the earlier `buffer`. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

interface WasmNamespace {
  readonly Memory: new (limits: { initial: number; maximum?: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

const wasm = (globalThis as unknown as { readonly WebAssembly: WasmNamespace }).WebAssembly;
const modules = new Map<string, object>();

/** A new memory of `pages` pages. Pages that nobody touches take no memory of the machine. */
export function wasmMemory(pages: number): WasmMemory {
  return new wasm.Memory({ initial: pages });
}

/** A new instance of `dist/wasm/<name>.wasm` over `memory`; `functions` are its imports from `env`. */
export function wasmInstance<Exports>(
  name: string,
  memory: WasmMemory,
  functions: Record<string, unknown> = {},
): Exports {
  let module = modules.get(name);
  if (module === undefined) {
    module = new wasm.Module(readFileSync(join(distFolder(), 'wasm', `${name}.wasm`)));
    modules.set(name, module);
  }
  return new wasm.Instance(module, { env: { memory, ...functions } }).exports as Exports;
}
