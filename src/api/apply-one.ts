/** One document by POST at the path of its kind. */
import type { Context } from 'hono'
import type { flagResource, segmentResource } from '../contract/flags/flag.ts'
import type { endpointResource } from '../contract/resources.ts'
import type { WireChange } from '../contract/wire/change.ts'
import { applyDocuments } from './apply.ts'
import { readJson, validated } from './bodies.ts'
import { type Api, actorOf } from './context.ts'

type DocumentSchema = typeof endpointResource | typeof flagResource | typeof segmentResource

/** 201 for what was not there before. Throws invalid-resource with the faults of the document. */
export async function applyOne(
  api: Api,
  context: Context,
  { schema, what, dryRun }: { schema: DocumentSchema; what: string; dryRun: boolean },
): Promise<{ change: WireChange; status: 200 | 201 }> {
  const document = validated(schema, await readJson(context), { what, code: 'invalid-resource' })
  const [change] = await applyDocuments(api, { documents: [document], base: null, actor: actorOf(context), dryRun })
  if (change === undefined) throw new Error('a document was applied without an answer')
  return { change, status: change.action === 'created' && !dryRun ? 201 : 200 }
}
