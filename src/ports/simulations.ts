/** Many runs of one simulation, beside whatever else the process does. */
import type { Seeds, SimulationJob } from '../core/simulate/job.ts'
import type { Run } from '../core/simulate/run.ts'

export interface Simulations {
  /** Runs in the order of their seeds, the same however many threads there are. `told` hears how many are done. */
  run(job: SimulationJob, seeds: Seeds, told?: (done: number) => void): Promise<readonly Run[]>
}
