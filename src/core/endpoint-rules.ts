/** Rules of an endpoint: callers whom a header or a flag sends to one version, with or without a release. */
import type { EndpointSpec } from './endpoint.ts'
import { gateText } from './flags/flag-gates.ts'

/** The first that fits decides, before scope, stages and weights. */
export type EndpointRule =
  | { header: string; equals: string; version: string }
  /** Asked with the request's unit and its headers; `is`: the variants, the value true where it is left out. */
  | { flag: string; is?: readonly string[]; version: string }

/** Versions that rules name: they run whether a release needs them or not. */
export function ruleVersions({ rules = [], versions }: Pick<EndpointSpec, 'rules' | 'versions'>): string[] {
  return [...new Set(rules.map(({ version }) => version))].filter(version => Object.hasOwn(versions, version))
}

/** `header x-beta is 1`, `the flag new-ranker is on`. */
export function endpointRuleText(rule: EndpointRule): string {
  return 'flag' in rule ? gateText(rule) : `header ${rule.header} is ${rule.equals}`
}
