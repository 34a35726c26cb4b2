/** Rules of an endpoint, read off a request: the version that a header or a flag sends it to. */
import { evaluate } from '../core/flags/evaluate.ts'
import type { Context } from '../core/flags/evaluation.ts'
import { targetingKey } from '../core/flags/flag.ts'
import type { GatewayContext } from './context.ts'
import { headerText } from './headers.ts'
import type { Inbound } from './inbound.ts'
import type { CompiledRoute } from './route.ts'

/** Null where none fits. */
export function versionByRule(
  { spec }: CompiledRoute,
  request: { inbound: Inbound; unit: string },
  { flags, clock }: Pick<GatewayContext, 'flags' | 'clock'>,
): string | null {
  let context: Context | null = null
  for (const rule of spec.rules ?? []) {
    if ('header' in rule) {
      if (headerText(request.inbound, rule.header) === rule.equals) return rule.version
      continue
    }
    context ??= contextOf(spec.name, request)
    const { value, variant } = evaluate(flags.compiled(), rule.flag, context, clock.nowMs())
    const fits = rule.is === undefined ? value === true : variant !== null && rule.is.includes(variant)
    if (fits) return rule.version
  }
  return null
}

/** The unit, the endpoint, and every header as an attribute of its lower-case name. */
function contextOf(endpoint: string, { inbound, unit }: { inbound: Inbound; unit: string }): Context {
  const context: Record<string, unknown> = Object.create(null)
  for (const line of inbound.passedOn.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const name = line.slice(0, colon).toLowerCase()
    context[name] ??= headerText(inbound, name)
  }
  context['endpoint'] = endpoint
  context[targetingKey] = unit
  return context
}
