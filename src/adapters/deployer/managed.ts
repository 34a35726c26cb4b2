/** What the deployer needs of an instance beyond what the gateway sees. One implementation per backend kind. */
import type { Instance } from '../../ports/backend.ts'
import type { InstanceStatus } from '../../ports/deployer.ts'

export type InstanceState = InstanceStatus['state']

export interface ManagedInstance extends Instance {
  readonly state: InstanceState
  /** A sentence for the person who asks why. */
  readonly detail: string
  start(): void
  /** Ends it; requests in flight have been waited for already. */
  stop(): Promise<void>
}

/** Tells the fleet that an instance's state changed. */
export type OnChange = () => void

/** Where lines that a model prints, and what happens to instances, go. */
export type InstanceLog = (level: 'info' | 'warn', message: string) => void
