/**
 * The time of one evaluation of a flag, and beside it in the same run that of flagd's own evaluator on the same rules:
 * `node bench/flags.ts`. The rounds of all are interleaved, and the least mean of a round counts: the least disturbed one.
 */
import { FlagdCore } from '@openfeature/flagd-core'
import { compileFlags } from '../src/core/flags/compile-flags.ts'
import { evaluate, evaluateAll } from '../src/core/flags/evaluate.ts'
import type { FlagRule, FlagSpec, Json } from '../src/core/flags/flag.ts'
import { type FlagsState, flagApplied, noFlags } from '../src/core/flags/flags-state.ts'

const calls = 200_000
const rounds = 9
const nowMs = Date.UTC(2026, 0, 1)
const users = Array.from({ length: 1_024 }, (_, index) => ({
  targetingKey: `user-${index}`,
  email: `user-${index}@example.${index % 2 === 0 ? 'org' : 'com'}`,
  plan: index % 3 === 0 ? 'pro' : 'free',
}))

function flag(name: string, over: Partial<FlagSpec>): FlagSpec {
  const fallback = { kind: 'variant', variant: 'off' } as const
  return {
    name,
    type: 'boolean',
    variants: { on: true, off: false },
    enabled: true,
    off: 'off',
    default: fallback,
    ...over,
  }
}

const on = { kind: 'variant', variant: 'on' } as const
const staff: FlagRule = {
  name: 'staff',
  when: [{ kind: 'attribute', attribute: 'email', test: { op: 'suffix', texts: ['@example.org'] } }],
  serve: on,
}
const ten: FlagRule[] = Array.from({ length: 10 }, (_, index) => ({
  name: `rule ${index}`,
  when: [
    { kind: 'attribute', attribute: 'plan', test: { op: 'in', values: ['team', `tier-${index}`] } },
    { kind: 'attribute', attribute: 'email', test: { op: 'exists' } },
  ],
  serve: on,
}))
const half = { kind: 'rollout', weights: { on: 500_000, off: 500_000 } } as const

const endsWith: Json = { if: [{ ends_with: [{ var: 'email' }, '@example.org'] }, 'on', 'off'] }
const fractional: Json = {
  fractional: [
    ['on', 50],
    ['off', 50],
  ],
}

const specs: FlagSpec[] = [
  flag('static', {}),
  flag('rule', { rules: [staff] }),
  flag('ten-rules', { rules: ten }),
  flag('rollout', { default: half }),
  flag('ends-with', { targeting: endsWith }),
  flag('fractional', { targeting: fractional }),
]

function flagdOf(targetings: Readonly<Record<string, Json | null>>): FlagdCore {
  const core = new FlagdCore(undefined, { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} })
  const flags = Object.entries(targetings).map(([name, targeting]) => [
    name,
    {
      state: 'ENABLED',
      variants: { on: true, off: false },
      defaultVariant: 'off',
      ...(targeting !== null && { targeting }),
    },
  ])
  core.setConfigurations(JSON.stringify({ flags: Object.fromEntries(flags) }))
  return core
}

const state = specs.reduce<FlagsState>(
  (flags, spec) => flagApplied(flags, spec, { actor: 'bench', note: null, atMs: nowMs }),
  noFlags,
)
const compiled = compileFlags(state)
const flagd = flagdOf({ static: null, rule: endsWith, rollout: fractional, 'ends-with': endsWith, fractional })

type Row = { name: string; run: (index: number) => unknown; beside?: string }

const ours = (key: string) => (index: number) => evaluate(compiled, key, users[index & 1_023] ?? {}, nowMs)
const theirs = (key: string) => (index: number) =>
  flagd.resolveBooleanEvaluation(key, false, users[index & 1_023] ?? {})

const rows: Row[] = [
  { name: 'static', run: ours('static'), beside: 'flagd-core: static' },
  { name: 'one rule', run: ours('rule'), beside: 'flagd-core: one rule' },
  { name: 'ten rules, none of which fits', run: ours('ten-rules') },
  { name: 'rollout', run: ours('rollout'), beside: 'flagd-core: rollout' },
  { name: 'imported, one rule', run: ours('ends-with'), beside: 'flagd-core: one rule' },
  { name: 'imported, fractional', run: ours('fractional'), beside: 'flagd-core: rollout' },
  { name: 'all six of them', run: index => evaluateAll(compiled, users[index & 1_023] ?? {}, nowMs) },
  { name: 'flagd-core: static', run: theirs('static') },
  { name: 'flagd-core: one rule', run: theirs('rule') },
  { name: 'flagd-core: rollout', run: theirs('rollout') },
]

let kept: unknown
const least = new Map(rows.map(({ name }) => [name, Number.POSITIVE_INFINITY]))
for (let round = 0; round < rounds; round += 1) {
  for (const { name, run } of rows) {
    const start = performance.now()
    for (let index = 0; index < calls; index += 1) kept = run(index)
    const ns = ((performance.now() - start) * 1e6) / calls
    least.set(name, Math.min(least.get(name) ?? ns, ns))
  }
}
if (kept === undefined) throw new Error('nothing was evaluated')

for (const { name, beside } of rows) {
  const ns = least.get(name) ?? 0
  const ratio = beside === undefined ? '' : `  ${((least.get(beside) ?? 0) / ns).toFixed(1)}x faster than ${beside}`
  console.log(`${ns.toFixed(0).padStart(8)} ns  ${name}${ratio}`)
}
