/** Who is told and who is asked, as the control plane runs it. */
import type { EndpointResource, ReleaseResource } from '../contract/resources.ts'
import type { Gate, Webhook } from '../core/webhook.ts'
import { durationMs } from './quantities.ts'

export function compileWebhook({ url, events, secret }: EndpointResource['webhooks'][string]): Webhook {
  return { url, events: [...new Set(events)], secret: secret ?? null }
}

export function compileGate({ before, url, timeout, secret }: ReleaseResource['confirm'][number]): Gate {
  return { before, url, timeoutMs: durationMs(timeout), secret: secret ?? null }
}
