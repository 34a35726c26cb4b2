/** Shell completion, made from the command tree itself. */
import type { Command } from 'commander'
import { CliFault, exit } from './outcome.ts'

export const shells = ['bash', 'zsh', 'fish'] as const

export function completionScript(program: Command, shell: string): string {
  const commands = program.commands.map(command => ({
    name: command.name(),
    about: command.description(),
    options: command.options.map(option => option.long ?? option.short ?? ''),
  }))
  const globals = program.options.map(option => option.long ?? option.short ?? '')
  switch (shell) {
    case 'bash':
      return bash(commands, globals)
    case 'zsh':
      return `#compdef cutover\nautoload -U +X bashcompinit && bashcompinit\n${bash(commands, globals)}`
    case 'fish':
      return fish(commands)
    default:
      throw new CliFault(`there is no completion for ${shell}`, {
        exitCode: exit.usage,
        problems: [{ path: 'SHELL', message: 'unknown shell', value: shell, allowed: [...shells] }],
      })
  }
}

type Known = { name: string; about: string; options: readonly string[] }

function bash(commands: readonly Known[], globals: readonly string[]): string {
  const cases = commands.map(({ name, options }) => `    ${name}) words="${[...options, ...globals].join(' ')}" ;;`)
  return `_cutover() {
  local words="${[...commands.map(command => command.name), ...globals].join(' ')}"
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _cutover cutover`
}

function fish(commands: readonly Known[]): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "\\'")}'`
  return commands
    .flatMap(({ name, about, options }) => [
      `complete -c cutover -n __fish_use_subcommand -a ${name} -d ${quote(about)}`,
      ...options.map(
        option => `complete -c cutover -n '__fish_seen_subcommand_from ${name}' -l ${option.replace(/^-+/, '')}`,
      ),
    ])
    .join('\n')
}
