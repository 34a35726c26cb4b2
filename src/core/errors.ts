/**
 * Every error that a person may read: its code, its title and what it means. Codes are never reused.
 * Programmer errors are asserts; the world's errors are `CutoverError`s, thrown at the edges.
 */
export const errorTable = {
  'invalid-resource': 'The resource is not valid',
  'invalid-request': 'The request is not valid',
  'not-available-yet': 'The resource asks for something that is not available yet',
  'part-not-available': 'This part of Cutover is not available yet',
  'endpoint-not-found': 'There is no such endpoint',
  'version-not-found': 'There is no such version',
  'release-not-found': 'There is no such release',
  'prediction-not-found': 'There is no such prediction',
  'key-not-found': 'There is no such API key',
  'flag-not-found': 'There is no such flag',
  'segment-not-found': 'There is no such segment',
  'release-conflict': 'The endpoint already has a release under way',
  'release-state': 'The release is not in a state that allows this',
  'revision-conflict': 'It has been changed meanwhile',
  'in-use': 'The resource is in use',
  'version-immutable': 'A version cannot change once it exists',
  'preflight-refused': 'The release cannot work as planned',
  'model-invalid': 'The model file cannot be served',
  'tensor-invalid': 'The request does not fit the model',
  'body-too-large': 'The body is larger than allowed',
  'pin-refused': 'The endpoint does not allow pinning a version',
  unauthenticated: 'An API key is needed',
  forbidden: 'The API key does not allow this',
  'rate-limited': 'The API key is used too often',
  'not-ready': 'No instance is ready',
  'between-versions': 'The endpoint is between two versions',
  overloaded: 'Too many requests are waiting',
  'backend-unreachable': 'The model server cannot be reached',
  'backend-failed': 'The model server broke off its answer',
  'backend-timeout': 'The model server did not answer in time',
  'client-closed': 'The client went away',
  'method-not-allowed': 'The method is not allowed here',
  'route-not-found': 'There is nothing at this path',
  'data-folder-locked': 'Another server uses the data folder',
  'data-folder-invalid': 'The data folder cannot be used',
  'port-in-use': 'The port is in use',
  'certificate-invalid': 'The certificate cannot be used',
  'binding-refused': 'Binding beyond loopback needs authentication',
  'store-failed': 'The store failed',
  internal: 'Cutover made a mistake',
} as const

export type ErrorCode = keyof typeof errorTable

/** The HTTP status of each code, on both listeners. A new code without a status does not compile. */
export const statusByCode: Readonly<Record<ErrorCode, number>> = {
  'invalid-resource': 400,
  'invalid-request': 400,
  'not-available-yet': 422,
  'part-not-available': 501,
  'endpoint-not-found': 404,
  'version-not-found': 404,
  'release-not-found': 404,
  'prediction-not-found': 404,
  'key-not-found': 404,
  'flag-not-found': 404,
  'segment-not-found': 404,
  'release-conflict': 409,
  'release-state': 409,
  'revision-conflict': 409,
  'in-use': 409,
  'version-immutable': 409,
  'preflight-refused': 422,
  'model-invalid': 422,
  'tensor-invalid': 400,
  'body-too-large': 413,
  'pin-refused': 403,
  unauthenticated: 401,
  forbidden: 403,
  'rate-limited': 429,
  'not-ready': 503,
  'between-versions': 503,
  overloaded: 503,
  'backend-unreachable': 502,
  'backend-failed': 502,
  'backend-timeout': 504,
  'client-closed': 499,
  'method-not-allowed': 405,
  'route-not-found': 404,
  'data-folder-locked': 500,
  'data-folder-invalid': 500,
  'port-in-use': 500,
  'certificate-invalid': 422,
  'binding-refused': 500,
  'store-failed': 503,
  internal: 500,
}

/** One fault in an input: where it is, what is there, and what would be allowed. */
export type Problem = {
  /** A path such as `stages[0].canary.steps[1]`; empty for the whole input. */
  path: string
  message: string
  value?: unknown
  allowed?: readonly string[]
}

export class CutoverError extends Error {
  readonly code: ErrorCode
  readonly problems: readonly Problem[]

  constructor(code: ErrorCode, detail: string, problems: readonly Problem[] = [], cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause })
    this.name = 'CutoverError'
    this.code = code
    this.problems = problems
  }
}

/** Ends every switch over a closed union: a new member without a case does not compile. */
export function assertNever(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`)
}
