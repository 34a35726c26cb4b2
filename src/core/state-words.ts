/** Words of the control plane's state that strategies use too. */

/** `absent` fleets are not wanted; `starting` ones were asked for and have not reported. */
export type FleetState = 'absent' | 'starting' | 'ready' | 'failed'

/** Why a candidate goes back. */
export type ReturnCause =
  | 'guardrail'
  | 'never-ready'
  | 'fleet-lost'
  | 'operator'
  /** A comparison ended and no candidate was better. */
  | 'kept'
  /** A stage could not do what it is for: a deadline passed, a trial failed. */
  | 'stage-failed'
  /** A gate said no. */
  | 'refused'
  /** Another release of its group went back. */
  | 'group'
  /** Another release took its place. */
  | 'replaced'
