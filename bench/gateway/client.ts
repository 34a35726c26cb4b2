/** Started by the bench for a run of load: a role and its job in JSON. */
import { playRole } from './role.ts'

const [name = '', job = '{}'] = process.argv.slice(2)
await playRole(name, job)
