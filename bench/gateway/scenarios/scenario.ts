import type { Table } from '../table.ts'

export type Scenario = { what: string; run(): Promise<Table[]> }
