import { drawAnswer } from '../answer-bytes.ts'
import { dependsOnCuts, disagreement } from '../compare-answers.ts'
import { cutsOf, type Fuzzer } from '../fuzzer.ts'

/** An answer that our reader takes and llhttp does not, or takes for another one, or that depends on where it was cut. */
export const answers: Fuzzer = {
  name: 'answers',
  make: draw => drawAnswer(draw, draw.of([0, 0.05, 0.2, 0.5])),
  check: input => {
    for (const method of ['POST', 'HEAD']) {
      const fault = disagreement(input, method) ?? dependsOnCuts(input, method, cutsOf(input, 6))
      if (fault !== null) return `${method}: ${fault}`
    }
    return null
  },
}
