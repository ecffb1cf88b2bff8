/** The commands that look at a whole cluster and act upon it, by the admin API of any of its brokers. */
import { type Command, Option } from 'commander'
import { ACTIONS, type Action, REASON, type Words } from './actions.ts'
import type { ClientFlags } from './client.ts'
import { DEFAULT_ADMIN } from './defaults.ts'
import { runCommand } from './failure.ts'
import { secretOption } from './secret-option.ts'
import type { TimelineFlags } from './timeline.ts'
import type { TopFlags } from './top.ts'

export const addAdminCommands = (program: Command): void => {
  program.commandsGroup('See the whole cluster, and steer it:')
  addTop(program)
  addLooks(program)
  for (const action of ACTIONS) addAction(program, action)
  program.commandsGroup('')
}

const addTop = (program: Command): void => {
  const command = program
    .command('top')
    .summary('watch the whole cluster: who is in trouble, and why')
    .description(
      'Draws brokers, topics, queues and requesters anew each second, those in trouble first. ' +
        'q ends it, s sorts otherwise, / filters, arrows scroll, p pauses. Where stdout is no ' +
        'terminal it prints one table.',
    )
    .option('--once', 'print one table and end; with --json the snapshot as the API has it')
  addAdminOptions(command).action((flags: TopFlags) =>
    runCommand(flags.json, async () => (await import('./top.ts')).top(flags)),
  )
}

const addLooks = (program: Command): void => {
  const looks = () => import('./admin-looks.ts')
  addLook(
    program
      .command('circuits')
      .summary('list the circuits of requesters, open and forced ones first')
      .argument('[topic]', 'only those of this topic'),
    async (flags, topic) => (await looks()).circuits(topic, flags),
  )
  addLook(
    program.command('idcs').summary('list the data centres, and how many calls leave them'),
    async (flags) => (await looks()).idcs(flags),
  )
  addLook(
    program.command('sessions').summary('list the clients of the broker that is asked'),
    async (flags) => (await looks()).sessions(flags),
  )
  addLook(
    program
      .command('timeline')
      .summary('list what happened; with --follow what happens')
      .option('--follow', 'go on until Ctrl-C; with --json one object a line')
      .option('--topic <topic>', 'only what is about this topic')
      .option('--limit <n>', 'so many at most, the last ones'),
    async (flags: TimelineFlags) => (await import('./timeline.ts')).timeline(flags),
  )
  addLook(
    program
      .command('trace')
      .summary('show where one call went, hop by hop')
      .argument('<id>', 'its correlation id, as a handler finds it in ctx.correlationId'),
    async (flags, id = '') => (await looks()).trace(id, flags),
  )
  addLook(program.command('audit').summary('list who did what, and why'), async (flags) =>
    (await looks()).audit(flags),
  )
}

const addLook = (
  command: Command,
  work: (flags: ClientFlags, word: string | undefined) => Promise<void>,
): void => {
  const arity = command.registeredArguments.length
  addAdminOptions(command).action((...given: unknown[]) => {
    const flags = given[arity] as ClientFlags
    return runCommand(flags.json, () => work(flags, arity > 0 ? (given[0] as string) : undefined))
  })
}

const addAction = (program: Command, action: Action): void => {
  const command = program
    .command(action.name)
    .summary(action.summary)
    .description(action.description)
  for (const { key, help } of action.args) command.argument(`<${key}>`, help)
  for (const { flags, help, isRequired = false, choices } of [...action.options, REASON]) {
    const option = new Option(flags, help).makeOptionMandatory(isRequired)
    command.addOption(choices === undefined ? option : option.choices(choices))
  }
  addAdminOptions(command).action((...given: unknown[]) => {
    const flags = given[action.args.length] as ClientFlags
    const words = Object.fromEntries(action.args.map(({ key }, i) => [key, given[i] as string]))
    const all = { ...(flags as Words), ...words }
    return runCommand(flags.json, async () => (await import('./act.ts')).act(action, all, flags))
  })
}

const addAdminOptions = (command: Command): Command =>
  command
    .optionsGroup(
      'Options of every command that asks the admin API (in the environment as FINBUS_…):',
    )
    .option('--admin <url>', `the admin API of any broker (default: ${DEFAULT_ADMIN})`)
    .option('--token-file <file>', 'file with the token; or FINBUS_TOKEN holds the token itself')
    .option('--operator <name>', 'who you are, where no token says so (default: your login name)')
    .option('--tls-ca <file>', "authority that signed the API's certificate, PEM (https://)")
    .option('--config <file>', 'JSON file with settings, such as {"admin": "http://…"}')
    .addOption(secretOption())
    .optionsGroup('')
    .option('--json', 'print JSON, for programs; errors too')
    .optionsGroup('')
