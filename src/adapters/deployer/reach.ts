/** How a thread calls an instance that belongs to another one. Plain data, and a port that is handed over. */
import type { MessagePort } from 'node:worker_threads'
import type { ModelMetadata } from '../../ports/backend.ts'
import type { ServerPlan } from './http/open-server.ts'
import type { BatchPlan } from './onnx/worker-messages.ts'

export type Reach =
  | { kind: 'server'; plan: ServerPlan }
  /** The port leads straight into the model's thread. */
  | { kind: 'model'; id: string; port: MessagePort; batch: BatchPlan | null; metadata: ModelMetadata | null }
