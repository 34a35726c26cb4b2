/** Schemas would try to compile themselves, which the content security policy forbids; imported before any schema. */
import { config } from 'zod'

config({ jitless: true })
