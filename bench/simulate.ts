/**
 * How long simulated releases take: a guarded canary of two weeks, of equal and of broken candidates, many seeds on all cores.
 * `node bench/simulate.ts [seeds]`; what it prints beside the time is the same on every machine.
 */
import { availableParallelism } from 'node:os'
import { createExpressions } from '../src/adapters/expressions/cel.ts'
import { createSimulations } from '../src/adapters/simulations/threads.ts'
import { compileResource, validateResource } from '../src/config/compile.ts'
import { compileScenario, validateScenario } from '../src/config/compile-scenario.ts'
import { rehearse } from '../src/controller/rehearsal.ts'
import { studyOf } from '../src/core/simulate/study.ts'

const seeds = Number(process.argv[2] ?? 1_000)
const version = { command: ['serve', '{port}'], cwd: '/' }

const endpoint = compileResource(
  validateResource({
    kind: 'Endpoint',
    name: 'digits',
    stable: 'v1',
    versions: { v1: version, v2: version },
    prediction: { output: 'label' },
    metrics: { accuracy: { type: 'accuracy' } },
  }),
)
const twoWeeks = ['1%', '5%', '25%', '50%'].map(weight => ({ weight, for: '84h', 'at-most': '14d' }))
const release = compileResource(
  validateResource({
    kind: 'Release',
    endpoint: 'digits',
    to: 'v2',
    guardrails: { 'error-rate': { margin: '0.5pp' }, 'latency-p99': { margin: '20%' }, accuracy: { margin: '1pp' } },
    stages: [{ canary: { steps: twoWeeks } }],
  }),
)
if (endpoint.kind !== 'Endpoint' || release.kind !== 'Release') throw new Error('not what they are')

const candidates = { equal: {}, 'a little worse': { 'error-rate': '1.2%' }, broken: { 'error-rate': '5%' } }
const simulations = createSimulations()
console.log(`A canary of two weeks at 20 requests a second, ${seeds} seeds, ${availableParallelism()} cores\n`)
console.log('| candidate | promoted | rolled back | median time | requests exposed | seconds | CPU seconds |')
console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: |')
for (const [name, candidate] of Object.entries(candidates)) {
  const scenario = compileScenario(
    validateScenario({
      kind: 'Scenario',
      name: 'bench',
      traffic: { 'requests-per-second': 20, swing: '60%', weekend: '70%' },
      units: { regulars: 50_000, returning: '70%' },
      feedback: { share: '80%', delay: '6h' },
      versions: {
        v1: { 'error-rate': '0.5%', latency: { p50: '20ms', p99: '80ms' }, accuracy: '92%' },
        v2: { like: 'v1', ...candidate },
      },
    }),
  )
  const { spec } = endpoint
  const plan = await rehearse({ spec, request: release.plan, scenario, expressions: createExpressions() })
  const startedMs = performance.now()
  const used = process.cpuUsage()
  const runs = await simulations.run({ spec, plan, scenario }, { first: 1, count: seeds })
  const tookMs = performance.now() - startedMs
  const { user, system } = process.cpuUsage(used)
  const { ends, decidedMs, exposedRequests } = studyOf(plan, scenario, runs)
  const hours = (decidedMs?.p50 ?? 0) / 3_600_000
  const cells = [
    name,
    `${(ends.promoted.share * 100).toFixed(1)} %`,
    `${(ends['rolled-back'].share * 100).toFixed(1)} %`,
    hours < 48 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} d`,
    Math.round(exposedRequests.p50).toLocaleString('en'),
    (tookMs / 1_000).toFixed(1),
    ((user + system) / 1_000_000).toFixed(1),
  ]
  console.log(`| ${cells.join(' | ')} |`)
}
