/** `cutover explain`: every decision of a release with its numbers. */
import type { WireExplanation } from '../../contract/wire/release.ts'
import { exitCodes } from '../errors.ts'
import { examples, pathTo, type Register } from '../invocation.ts'
import { explanationText } from '../release-text.ts'

export const registerExplain: Register = (program, does) => {
  program
    .command('explain')
    .description('every decision of a release with the numbers that it rests on')
    .argument('<release>')
    .addHelpText('after', examples('cutover explain digits-1', 'cutover explain digits-1 -o json'))
    .action(
      does(async (run, [id = '']) => {
        const explanation = await run.server.get<WireExplanation>(pathTo('releases', id, 'explain'))
        run.answer(explanation, () => explanationText(explanation, run.paint))
        return exitCodes.done
      }),
    )
}
