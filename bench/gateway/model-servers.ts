/** Starts the model server of streams and uploads on the core of the callers. */
import { join } from 'node:path'
import { freePort } from '../../test/support/free-port.ts'
import { type Place, untilAnswers } from './processes.ts'
import { loadCore } from './settings.ts'

export async function startModelServer(place: Place): Promise<number> {
  const port = await freePort()
  place.start(loadCore, [process.execPath, join(import.meta.dirname, 'model-server.ts'), String(port)])
  await untilAnswers(`http://127.0.0.1:${port}/`)
  return port
}
