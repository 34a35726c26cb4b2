/** The real client in front of a gateway with providers behind it. */
import OpenAI from 'openai'
import { afterEach } from 'vitest'
import type { Rig } from './gateway-rig.ts'
import { type Provider, specFrom, startBefore, startProvider, tableOf } from './providers.ts'

type Versions = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** What starts here ends with the test. */
export function useProviders() {
  const open: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close()
  })
  return {
    provider: async (answer: Parameters<typeof startProvider>[0]): Promise<Provider> => {
      const started = await startProvider(answer)
      open.push(started)
      return started
    },
    gateway: async (versions: Versions, more: object = {}, weights?: Parameters<typeof tableOf>[1]): Promise<Rig> => {
      const spec = specFrom({ name: 'support', protocol: 'openai', versions, ...more })
      const rig = await startBefore(spec, tableOf('support', weights))
      open.push(rig)
      return rig
    },
  }
}

export function client(rig: Rig, options: Partial<ConstructorParameters<typeof OpenAI>[0]> = {}): OpenAI {
  return new OpenAI({
    apiKey: 'sk-of-the-caller',
    baseURL: `http://127.0.0.1:${rig.port}/v1`,
    maxRetries: 0,
    ...options,
  })
}

const messages = [{ role: 'user' as const, content: 'hello' }]
export const chat = { model: 'support', messages }

export async function read(stream: AsyncIterable<OpenAI.ChatCompletionChunk>) {
  const chunks: OpenAI.ChatCompletionChunk[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return { chunks, text: chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join('') }
}
