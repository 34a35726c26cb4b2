// Builds dist/: declarations and JavaScript of src/ by tsc, the dashboard by Vite, nothing else.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { build } from 'vite'

rmSync('dist', { recursive: true, force: true })
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' })
process.exitCode = status ?? 1
if (status === 0) await build({ configFile: resolve('dashboard/vite.config.ts') })
