/** `cutover advise`: which strategy to use, from what the endpoint knows and what people say. */
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { type AdviceAnswers, knowledge, questions, type Subject } from '../../contract/advice-questions.ts'
import type { WireAdvice, WireAdvicePlan } from '../../contract/wire/advice.ts'
import type { WireEndpoint } from '../../contract/wire/endpoint.ts'
import { askFor, requestOf } from '../advise-questions.ts'
import { adviceText } from '../advise-text.ts'
import { CliError, exitCodes, usageError } from '../errors.ts'
import { examples, type Invocation, pathTo, type Register } from '../invocation.ts'
import { QuestionsEnded, terminalPrompts } from '../prompts.ts'

type Options = AdviceAnswers & { write?: string; plan?: string; input?: boolean }

export const registerAdvise: Register = (program, does) => {
  const command = program
    .command('advise')
    .description('which strategy to use: every plan ranked, with reasons, numbers and its release file')
    .argument('<endpoint>')
  addQuestions(command)
  command
    .option('--plan <rank>', 'the plan that is shown and written', '1')
    .option('--write <file>', 'save its release file')
    .option('--no-input', 'ask nothing, also at a terminal')
    .addHelpText(
      'after',
      examples(
        'cutover advise digits',
        'cutover advise digits --exposure no --goal conversion --effect 2% --write release.yaml',
        'cutover advise digits --to v2,v3 --only-goal yes --within 3d -o json',
      ),
    )
    .action(
      does(async (run, [endpoint = ''], options) => {
        const { write, plan = '1', input, ...camel } = options as Options & Record<string, string>
        const given = withDashes(camel)
        const asked = isInteractive(run, input !== false) ? await ask(run, endpoint, given) : given
        const advice = await run.server.send<WireAdvice>('POST', pathTo('advise'), requestOf(endpoint, asked))
        const chosen = chosenPlan(advice, plan)
        run.answer(advice, () => adviceText(advice, chosen, run.paint))
        if (write !== undefined) await save(run, chosen, write)
        return chosen.possible ? exitCodes.done : exitCodes.failed
      }),
    )
}

function addQuestions(command: Command): void {
  for (const [name, question] of Object.entries(questions)) {
    const option = new Option(`--${name} <${question.value}>`, question.help)
    if (question.kind === 'yes-no') option.choices(['yes', 'no'])
    if (question.kind === 'choice') option.choices([...question.choices])
    command.addOption(option)
  }
  for (const [name, { value, help }] of Object.entries(knowledge)) command.option(`--${name} <${value}>`, help)
}

/** Commander writes `--only-goal` as onlyGoal. */
function withDashes(options: Readonly<Record<string, string>>): AdviceAnswers {
  const dashed = (name: string) => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [dashed(name), value]))
}

function isInteractive({ io, output }: Invocation, wanted: boolean): boolean {
  return wanted && output === 'text' && io.stdin.isTTY === true && io.stdout.isTTY === true
}

async function ask(run: Invocation, endpoint: string, given: AdviceAnswers): Promise<AdviceAnswers> {
  const subject = subjectOf(await run.server.get<WireEndpoint>(pathTo('endpoints', endpoint)))
  const prompts = await (run.io.prompts ?? terminalPrompts)()
  try {
    return await askFor(prompts, given, subject)
  } catch (error) {
    if (error instanceof QuestionsEnded) throw new CliError('no advice: the questions were left')
    throw error
  }
}

function subjectOf({ stable, versions, metrics }: WireEndpoint): Subject {
  return {
    stable,
    versions: versions.map(({ name }) => name).filter(name => name !== stable),
    metrics: Object.entries(metrics).flatMap(([name, { type }]) => (type === 'quantile' ? [] : [name])),
  }
}

function chosenPlan({ plans }: WireAdvice, rank: string): WireAdvicePlan {
  const found = plans.find(plan => String(plan.rank) === rank)
  if (found !== undefined) return found
  const allowed = plans.map(plan => String(plan.rank))
  throw usageError('there is no such plan', [{ path: '--plan', message: 'is not a rank', value: rank, allowed }])
}

/** A file that is there already is not written over. */
async function save(run: Invocation, plan: WireAdvicePlan, file: string): Promise<void> {
  if (!plan.possible) throw new CliError(`plan ${plan.rank} is not possible, so nothing was written`)
  try {
    await writeFile(resolve(run.io.cwd, file), plan.file, { flag: 'wx' })
  } catch (error) {
    throw usageError(`cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  run.say(`\nwritten to ${file}: apply it with \`cutover apply -f ${file} --dry-run\`\n`)
}
