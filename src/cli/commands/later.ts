/** Commands that have their place already and cannot be used yet. */
import { CliError } from '../errors.ts'
import { examples, type Register } from '../invocation.ts'

const commands = [['advise', 'the sample and the time that a release would need']] as const

export const registerLater: Register = (program, does) => {
  for (const [name, meaning] of commands) {
    program
      .command(name)
      .description(`${meaning} (not available yet)`)
      .argument('[words...]')
      .allowUnknownOption()
      .addHelpText('after', examples(`cutover ${name}`))
      .action(
        does(async () => {
          throw new CliError(`cutover ${name} is not available yet`, { code: 'not-available-yet' })
        }),
      )
  }
}
