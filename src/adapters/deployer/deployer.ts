import type { Clock } from '../../ports/clock.ts'
import type { Deployer, FleetReport } from '../../ports/deployer.ts'
import { createCommandDriver } from './command/command-driver.ts'
import { FleetDeployer } from './fleet-deployer.ts'
import type { Logger } from './logger.ts'
import { createOnnxDriver } from './onnx/onnx-driver.ts'
import type { FleetFollower } from './replica.ts'
import { createUrlDriver } from './url/url-driver.ts'

/** The deployer of this machine. `report` is never called from within a call to the deployer. */
export function createDeployer(options: {
  clock: Clock
  logger: Logger
  report(report: FleetReport): void
  follower?: FleetFollower
}): Deployer {
  const drivers = { onnx: createOnnxDriver(), command: createCommandDriver(), url: createUrlDriver() }
  return new FleetDeployer({ ...options, drivers })
}
