/** What simulated releases came to, as the command line prints it and the control API answers. */
import { z } from 'zod'
import { name, object } from '../resource-parts.ts'
import { scenarioDocument } from '../scenario.ts'

const number = z.number()

export const simulationRequestSchema = object({
  endpoint: name.meta({ description: 'One that the server has.' }),
  release: z.record(z.string(), z.unknown()).meta({ description: 'A Release document; nothing is started.' }),
  scenario: scenarioDocument.optional().meta({
    description: 'A world to simulate it in; measured from the recorded log of the endpoint if it is left out.',
  }),
  candidate: z.record(z.string(), z.unknown()).default({}).meta({
    description: 'What a version that is not in the log is like, as in a scenario; the rest is as for stable.',
  }),
  compare: z.array(z.string()).max(20).default([]).meta({ description: 'Strategies to put beside each other.' }),
  seeds: z.int().min(1).max(10_000).default(200),
  seed: z.int().min(0).max(2_147_483_647).default(1).meta({ description: 'The first one.' }),
}).meta({ id: 'SimulationRequest', description: 'A release to simulate.' })

const share = z
  .object({ runs: z.int(), of: z.int(), share: number, lower: number, upper: number })
  .meta({ description: 'A share of the runs, with its 95 % interval.' })

const spread = z.object({ mean: number, p10: number, p50: number, p90: number, max: number })

export const runEnds = ['promoted', 'rolled-back', 'kept', 'waiting', 'undecided'] as const

const study = z.object({
  runs: z.int(),
  ends: z.object({
    promoted: share,
    'rolled-back': share,
    kept: share,
    waiting: share,
    undecided: share,
  }),
  promoted: z.record(z.string(), share).meta({ description: 'By version.' }),
  truths: z
    .record(z.string(), z.enum(['worse', 'within', 'fine', 'better']))
    .meta({ description: 'What is true of each version by the checks of the release.' }),
  falseAlarms: share.nullable().meta({ description: 'Rolled back although no version tried does harm.' }),
  misses: share.nullable().meta({ description: 'Promoted a version that is worse than its margins allow.' }),
  decidedMs: spread.nullable().meta({ description: 'From the start to the decision, of runs that came to one.' }),
  exposedUnits: spread.meta({ description: 'Units that met another version than stable, in one run.' }),
  exposedRequests: spread,
  harmedRequests: spread.meta({ description: 'Failures beyond those that the stable version would have had.' }),
  unserved: spread.meta({ description: 'Requests that nobody answered.' }),
  instanceHours: spread,
  beyondStable: spread.meta({ description: 'Instance-hours beyond those of the stable version alone.' }),
  reasons: z.array(z.object({ end: z.enum(runEnds), cause: z.string(), runs: z.int(), example: z.string() })),
  histogram: z.object({ stepMs: number, promoted: z.array(z.int()), back: z.array(z.int()) }),
})

export const simulationSchema = z
  .object({
    endpoint: z.string(),
    from: z.string(),
    to: z.string(),
    seeds: z.object({ first: z.int(), count: z.int() }),
    cautions: z.array(z.string()),
    results: z.array(
      z.object({
        strategy: z.string(),
        scenario: z.string(),
        refused: z.string().nullable().meta({ description: 'Why it could not be simulated.' }),
        study: study.nullable(),
      }),
    ),
  })
  .meta({ id: 'Simulation', description: 'What simulated releases came to.' })

export type WireSimulation = z.infer<typeof simulationSchema>
export type WireStudy = z.infer<typeof study>
