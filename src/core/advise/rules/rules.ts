/** All rules, in the order in which their reasons are told. */
import { comparisons } from './comparisons.ts'
import { plans } from './plans.ts'
import { replacements } from './replacements.ts'
import type { Rule } from './rule.ts'

export const rules: readonly Rule[] = [...comparisons, ...replacements, ...plans]
