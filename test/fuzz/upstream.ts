/**
 * Looks for an answer that our reader takes and llhttp does not, or takes for another one, or that depends on where its
 * bytes were cut. What is found is printed and kept in `corpus/answers`, which the tests replay.
 *
 *   node test/fuzz/upstream.ts [MINUTES] [SEED]
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drawAnswer, drawFrom } from './answer-bytes.ts'
import { dependsOnCuts, disagreement } from './compare-answers.ts'

const minutes = Number(process.argv[2] ?? 1)
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000)
const foundMax = 20

const endMs = Date.now() + minutes * 60_000
let tried = 0
let found = 0
while (Date.now() < endMs && found < foundMax) {
  const draw = drawFrom(seed + tried)
  const bytes = drawAnswer(draw, draw.of([0, 0.05, 0.2, 0.5]))
  const method = draw.of(['POST', 'GET', 'HEAD'])
  const cuts = Array.from({ length: draw.below(6) }, () => draw.below(bytes.length))
  const fault = disagreement(bytes, method) ?? dependsOnCuts(bytes, method, cuts)
  if (fault !== null) {
    found += 1
    const file = join(import.meta.dirname, 'corpus/answers', `${method}-${seed + tried}.http`)
    writeFileSync(file, bytes)
    process.stdout.write(`${file}: ${fault}\n${JSON.stringify(bytes.toString('latin1'))}\n`)
  }
  tried += 1
}
process.stdout.write(`${tried} answers from seed ${seed}, ${found} found\n`)
process.exitCode = found === 0 ? 0 : 1
