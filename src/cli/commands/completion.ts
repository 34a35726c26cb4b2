/** `cutover completion`: a script for the shell, made from the commands themselves. */
import { Argument, type Command } from 'commander'
import { exitCodes } from '../errors.ts'
import { examples, type Register } from '../invocation.ts'

type Entry = { name: string; description: string; options: Option[]; words: readonly string[] }
type Option = {
  long: string
  short: string | null
  description: string
  choices: readonly string[]
  takesValue: boolean
  isFile: boolean
}

const shells = ['bash', 'zsh', 'fish'] as const

export const registerCompletion: Register = (program, does) => {
  program
    .command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>').choices(shells))
    .addHelpText(
      'after',
      examples(
        'source <(cutover completion bash)',
        'source <(cutover completion zsh)',
        'cutover completion fish | source',
      ),
    )
    .action(
      does(async (run, [shell]) => {
        const entries = program.commands.map(command => entryOf(command, program))
        const script = shell === 'bash' ? bash(entries) : shell === 'zsh' ? zsh(entries) : fish(entries)
        run.answer({ shell, script }, () => script)
        return exitCodes.done
      }),
    )
}

function entryOf(command: Command, program: Command): Entry {
  const first = command.registeredArguments[0]
  const options = [...command.options, ...program.options].flatMap(option =>
    option.long == null || option.long === '--version'
      ? []
      : [
          {
            long: option.long,
            short: option.short ?? null,
            description: option.description,
            choices: option.argChoices ?? [],
            takesValue: option.required || option.optional,
            isFile: /file|dir/.test(option.flags),
          },
        ],
  )
  // A kind may be written in several ways, so its words are not choices but what the help lists.
  const verbs = command.commands.map(one => one.name())
  const words =
    verbs.length > 0 ? verbs : first?.name() === 'kind' ? first.description.split(', ') : (first?.argChoices ?? [])
  return { name: command.name(), description: command.description(), options, words }
}

function bash(entries: readonly Entry[]): string {
  const cases = entries.map(({ name, options, words }) => {
    const values = valueCases(options)
    return `    ${name}) ${values}words="${[...words, ...options.map(({ long }) => long), '--help'].join(' ')}" ;;`
  })
  return `# bash completion for cutover
_cutover() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${entries.map(({ name }) => name).join(' ')} --help --version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _cutover cutover
`
}

/** After an option its values are offered, or files. */
function valueCases(options: readonly Option[]): string {
  const cases = options.flatMap(({ long, short, choices, isFile }) => {
    const names = short === null ? long : `${short}|${long}`
    if (choices.length > 0)
      return [`${names}) COMPREPLY=($(compgen -W "${choices.join(' ')}" -- "$current")); return ;;`]
    return isFile ? [`${names}) COMPREPLY=($(compgen -f -- "$current")); return ;;`] : []
  })
  return cases.length === 0 ? '' : `case "$previous" in ${cases.join(' ')} esac; `
}

function zsh(entries: readonly Entry[]): string {
  const commands = entries.map(({ name, description }) => `    '${name}:${escaped(description)}'`)
  const cases = entries.map(({ name, options, words }) => {
    const flags = options.map(option => `'${option.long}[${escaped(option.description)}]${zshValue(option)}'`)
    const positional = words.length > 0 ? [`'1:word:(${words.join(' ')})'`] : []
    return `    ${name}) _arguments ${[...flags, ...positional].join(' ')} ;;`
  })
  return `#compdef cutover
_cutover() {
  local -a commands=(
${commands.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
compdef _cutover cutover
`
}

function zshValue({ takesValue, choices, isFile }: Option): string {
  if (choices.length > 0) return `:value:(${choices.join(' ')})`
  if (isFile) return ':file:_files'
  return takesValue ? ':value:' : ''
}

function fish(entries: readonly Entry[]): string {
  const lines = entries.flatMap(({ name, description, options, words }) => {
    const seen = `-n '__fish_seen_subcommand_from ${name}'`
    const flags = options.map(({ long, short, description, choices, takesValue, isFile }) => {
      const value = choices.length > 0 ? ` -x -a '${choices.join(' ')}'` : takesValue ? (isFile ? ' -r -F' : ' -x') : ''
      return `complete -c cutover ${seen} -l ${long.slice(2)}${short === null ? '' : ` -s ${short.slice(1)}`} -d '${escaped(description)}'${value}`
    })
    const positional = words.length > 0 ? [`complete -c cutover ${seen} -a '${words.join(' ')}'`] : []
    return [
      `complete -c cutover -n __fish_use_subcommand -a ${name} -d '${escaped(description)}'`,
      ...flags,
      ...positional,
    ]
  })
  return `# fish completion for cutover\ncomplete -c cutover -f\n${lines.join('\n')}\n`
}

/** Inside single quotes, and inside the brackets and colons of zsh. */
function escaped(text: string): string {
  return text.replace(/['[\]]/g, '').replace(/:/g, ' -')
}
