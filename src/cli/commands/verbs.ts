/** What an operator can tell a release: `cutover promote`, `pause`, `resume`, `approve`, `abort`, `rollback`. */
import { type WireRelease, wireVerbs } from '../../contract/wire/release.ts'
import { exitCodes } from '../errors.ts'
import { examples, pathTo, type Register } from '../invocation.ts'
import { headText } from '../release-text.ts'

type Verb = (typeof wireVerbs)[number]

const meanings: Readonly<Record<Verb, string>> = {
  promote: 'give the candidate all traffic now, whatever the evidence',
  pause: 'stop where the release stands; guardrails go on',
  resume: 'go on after a pause',
  approve: 'say yes where the release waits for it',
  abort: 'give up: traffic goes back to the stable version',
  rollback: 'go back to the stable version, also after the candidate has all traffic',
}

export const registerVerbs: Register = (program, does) => {
  for (const verb of wireVerbs) {
    const command = program
      .command(verb)
      .description(meanings[verb])
      .argument('<release>')
      .option('--note <text>', 'why; kept in the log')
    if (verb === 'promote') command.option('--step', 'past the present step and no further')
    command.addHelpText('after', examples(`cutover ${verb} digits-1 --note "checked by hand"`)).action(
      does(async (run, [id = ''], { note, step }) => {
        const body = { ...(typeof note === 'string' && { note }), ...(step === true && { step }) }
        const release = await run.server.send<WireRelease>('POST', pathTo('releases', id, verb), body)
        run.answer(release, () => headText(release, run.paint))
        return exitCodes.done
      }),
    )
  }
}
