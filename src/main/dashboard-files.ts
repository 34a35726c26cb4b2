/** The dashboard's files, read once: what is in memory cannot be led out of its folder by any path. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { limits } from '../core/limits.ts'
import { type PageFile, type PageFiles, pageIndex } from '../ports/page-files.ts'

/** The same folder from `src/main` in a clone and from `dist/main` in the package. */
const built = fileURLToPath(new URL('../../dist/dashboard/', import.meta.url))

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Undefined where it was not built. Throws for a folder that no build of the dashboard leaves. */
export function readDashboard(folder = built): PageFiles | undefined {
  if (!existsSync(join(folder, pageIndex))) return undefined
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => extname(name) in types)
  const bytes = names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
  if (names.length > limits.dashboardFilesMax || bytes > limits.dashboardBytesMax) {
    throw new Error(
      `${folder} holds ${names.length} files of ${bytes} bytes, more than a dashboard has; \`npm run build\` makes it anew`,
    )
  }
  return new Map(names.map((name): [string, PageFile] => [`/${name.replaceAll(sep, '/')}`, readOne(folder, name)]))
}

function readOne(folder: string, name: string): PageFile {
  return { type: types[extname(name)] ?? '', body: new Uint8Array(readFileSync(join(folder, name))) }
}
