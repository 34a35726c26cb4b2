/** Loaded before the server: whoever imports the gateway gets the one beside this file, which mirrors. */
import { registerHooks } from 'node:module'

const gateway = new URL('../../../src/gateway/gateway.ts', import.meta.url).href
const mirrored = new URL('./gateway.ts', import.meta.url).href

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context)
    return resolved.url === gateway && context.parentURL !== mirrored ? { ...resolved, url: mirrored } : resolved
  },
})
