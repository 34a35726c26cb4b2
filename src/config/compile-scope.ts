/** The scope of a release as the gateway reads requests by. Every key has been checked. */
import type { ScopeMatchResource } from '../contract/scope.ts'
import type { ScopeRule } from '../core/scope.ts'

export function compileScopeRules(rules: readonly ScopeMatchResource[]): ScopeRule[] {
  return rules.map(rule => ({
    source:
      rule.header === undefined
        ? { from: 'cookie', name: rule.cookie ?? '' }
        : { from: 'header', name: rule.header.toLowerCase() },
    fits:
      rule.prefix === undefined
        ? { kind: 'in', values: rule.in ?? [rule.equals ?? ''] }
        : { kind: 'prefix', prefix: rule.prefix },
  }))
}
