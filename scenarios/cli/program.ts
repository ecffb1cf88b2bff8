/**
 * What the command line looks like: commands, arguments, options and help. What a command does is
 * in its own file, loaded when it runs, so that help and typing errors need not wait for the bus.
 */
import { Command } from 'commander'
import { addAdminCommands } from './admin-program.ts'
import type { ClientFlags } from './client.ts'
import {
  DEFAULT_ADMIN,
  DEFAULT_GROUP,
  DEFAULT_REGISTRY,
  DEFAULT_URL,
  LOG_LEVELS,
} from './defaults.ts'
import type { DrillFlags } from './drill-ask.ts'
import { runCommand } from './failure.ts'
import { AFTER_HELP, DESCRIPTION } from './help.ts'
import type { ReplyFlags } from './reply.ts'
import type { RequestFlags } from './request.ts'
import { secretOption } from './secret-option.ts'
import type { Flags } from './settings.ts'

export const buildProgram = (version: string): Command => {
  const program = new Command('finbus')
    .description(DESCRIPTION)
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this, or after a command its own help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', AFTER_HELP)
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .showHelpAfterError('(finbus --help lists the commands; finbus help COMMAND its options)')
    // Subcommands inherit it, so it stands before them.
    .exitOverride()
  addStart(program)
  addRegistry(program)
  addReply(program)
  addRequest(program)
  addTopics(program)
  addQueues(program)
  addAdminCommands(program)
  addDrill(program, version)
  addBench(program)
  return program
}

const LOG_HELP = `on stderr: ${LOG_LEVELS.join(', ')} (default: warn)`

const addStart = (program: Command): void => {
  program
    .command('start')
    .summary('run a broker, or several')
    .description(
      'Runs a broker until Ctrl-C. With --brokers or --cluster it runs several, each in a process of ' +
        'its own, and starts again what dies. Off loopback they start only with TLS and tokens. Every ' +
        'option but --json is in the environment as FINBUS_… and in the file of --config, too.',
    )
    .option('--listen <url>', `where; ws://, wss:// or unix:/path (default: ${DEFAULT_URL})`)
    .option('--idc <name>', 'the data centre it stands in (default: local)')
    .option('--id <name>', 'its id, unlike that of any other broker (default: a random one)')
    .option(
      '--brokers <n>',
      'run so many, ID-1 or IDC-1 and so on, on ports that follow --listen, --admin',
    )
    .option('--cluster <name>', 'demo: IDCs sz and sh with 2 brokers each, and a registry')
    .option('--admin <url>', `dashboard and admin API: where, or off (default: ${DEFAULT_ADMIN})`)
    .option(
      '--admin-peer <url>',
      'the admin API of another broker of the cluster; repeat it',
      collect,
    )
    .option('--load <n>', 'run sample services and callers too, about n requests a second')
    .option(
      '--tokens <file>',
      'JSON file: [{"token": "…", "request": ["account.*"], "reply": [], "admin": "look"}]',
    )
    .option(
      '--rules <file>',
      'JSON file: [{"topic": "account.*", "to": "v2", "when": {"percent": 10}}]',
    )
    .option('--tls-cert <file>', 'its certificate chain, PEM, for wss://')
    .option('--tls-key <file>', 'the key of the certificate, PEM')
    .option('--tls-client-ca <file>', 'ask clients for a certificate of this authority, PEM')
    .option('--registry <url>', 'registry to announce it to; repeat it or use commas', collect)
    .option('--advertise <url>', 'where clients reach it, if not where it listens', collect)
    .option('--token-file <file>', 'file with the token to show to registries; or FINBUS_TOKEN')
    .option('--tls-ca <file>', "authority that signed the registries' certificates, PEM (https://)")
    .addOption(secretOption())
    .option('--max-depth <n>', 'requests that may wait in one queue (default: 10000)')
    .option('--max-depth-bytes <n>', 'the same in bytes (default: 33554432)')
    .option('--max-body-bytes <n>', 'the largest body (default: 1048576)')
    .option('--log <level>', LOG_HELP)
    .option('--config <file>', 'JSON file with settings, such as {"idc": "sz", "maxDepth": 500}')
    .option('--json', 'print the address as JSON, and log JSON lines')
    .action((flags: Flags) =>
      runCommand(flags.json === true, async () => (await import('./start.ts')).start(flags)),
    )
}

const addRegistry = (program: Command): void => {
  program
    .command('registry')
    .summary('run a name server that tells clients who the brokers are')
    .description(
      'Runs one copy of the registry until Ctrl-C. Brokers announce themselves to it, clients learn ' +
        'from it who they are. Run several for safety: they need not know each other, and what runs ' +
        'goes on without them. Off loopback it starts only with TLS and tokens.',
    )
    .option('--listen <url>', `where; http:// or https:// (default: ${DEFAULT_REGISTRY})`)
    .option('--tokens <file>', 'JSON file as of brokers; who has one of them may announce and ask')
    .option('--tls-cert <file>', 'its certificate chain, PEM, for https://')
    .option('--tls-key <file>', 'the key of the certificate, PEM')
    .option('--lease <ms>', 'forget brokers that were silent for so long (default: 6000)')
    .option('--log <level>', LOG_HELP)
    .option('--config <file>', 'JSON file with settings, such as {"registryListen": "http://…"}')
    .option('--json', 'print the address as JSON, and log JSON lines')
    .action((flags: Flags) =>
      runCommand(flags.json === true, async () => (await import('./registry.ts')).registry(flags)),
    )
}

const addReply = (program: Command): void => {
  const command = program
    .command('reply')
    .summary('answer a topic, with an echo or a program')
    .description(
      'Answers a topic until Ctrl-C, then finishes what it has begun. A command gets the body on ' +
        'stdin and its stdout is the reply; if it fails, the caller gets COMMAND_FAILED with its exit ' +
        'code and last line of stderr. It finds FINBUS_TOPIC, FINBUS_CORRELATION_ID, ' +
        'FINBUS_REMAINING_MS and FINBUS_ATTEMPT in its environment, and is killed with all it started ' +
        'when the caller gives up.',
    )
    .argument('<topic>', 'words joined by dots, such as demo.echo')
    .option('--echo', 'answer with what was sent')
    .option('--command <command>', 'run this in the shell for each request')
    .option('--concurrency <n>', 'requests answered at once (default: 64)')
    .option('--group <name>', `instances of one group share the topic (default: ${DEFAULT_GROUP})`)
    .option('--name <name>', 'what to call this instance (default: finbus-PID)')
    .option('--label <label>', "what the brokers' dark-launch rules call this instance, such as v2")
    .option('--log <level>', LOG_HELP)
  addClientOptions(command).action((topic: string, flags: ReplyFlags) =>
    runCommand(flags.json, async () => (await import('./reply.ts')).reply(topic, flags)),
  )
}

const addRequest = (program: Command): void => {
  const command = program
    .command('request')
    .summary('send a request and print the reply')
    .description(
      'Sends one request and prints the reply: JSON, or bytes as they came. An error says whether ' +
        'the work was done.',
    )
    .argument('<topic>', 'words joined by dots, such as account.balance')
    .argument('[body]', 'JSON text; @file, sent as bytes if it is not JSON; - for stdin; or none')
    .option('--timeout <ms>', 'settle within so many milliseconds (default: 3000)')
    .option('--wait', 'wait, within the timeout, for someone to answer the topic')
    .option('--idempotent', 'the work may be done more than once, so the bus may repeat the call')
    .option('--key <text>', 'calls with the same key go to the same instance while it lives')
    .option('--header <name=value>', 'header to send along; repeat it for more', collect)
    .showHelpAfterError(`(JSON needs quotes: '{"account":"7"}'; finbus help request)`)
  addClientOptions(command).action((topic: string, body: string | undefined, flags: RequestFlags) =>
    runCommand(flags.json, async () => (await import('./request.ts')).request(topic, body, flags)),
  )
}

const addTopics = (program: Command): void => {
  const command = program
    .command('topics')
    .summary('list the topics and who answers them')
    .description(
      'Lists the topics brokers know: the group that answers, its queues (one for each instance), ' +
        'requests waiting and unanswered, and clients that watch.',
    )
  addClientOptions(command).action((flags: ClientFlags) =>
    runCommand(flags.json, async () => (await import('./topics.ts')).topics(flags)),
  )
}

const addQueues = (program: Command): void => {
  const command = program
    .command('queues')
    .summary('list the queues, their owners and depth')
    .description(
      'Lists queues, of all topics or of one: state, owner, requests waiting and unanswered, bytes ' +
        'held, and how many more deliveries the owner takes.',
    )
    .argument('[topic]', 'only the queues of this topic')
  addClientOptions(command).action((topic: string | undefined, flags: ClientFlags) =>
    runCommand(flags.json, async () => (await import('./queues.ts')).queues(topic, flags)),
  )
}

const addDrill = (program: Command, version: string): void => {
  program
    .command('drill')
    .summary('hurt a cluster on purpose and judge what comes of it')
    .description(
      'Starts a cluster of its own, each part a process, calls it, does it harm, and holds what came ' +
        'of it against stated bounds. Without a name it lists the drills there are. Exit code 1 says ' +
        'that a bound was missed; Ctrl-C ends all it started.',
    )
    .argument(
      '[drill...]',
      'names of ready-made drills; or files, .json or .mjs, such as ./mine.mjs',
    )
    .option('--all', 'every ready-made drill, one after the other')
    .option('--virtual', 'in virtual time, on the cores alone: seconds instead of minutes')
    .option(
      '--seed <n>',
      'of all that is left to chance; the same in virtual time is the same drill',
    )
    .option('--report <dir>', 'write NAME.md, NAME.json and NAME.html there')
    .option('--bound <name=value>', 'a bound of the whole drill, over its own; repeat it', collect)
    .option('--json', 'print the report as JSON, and no progress')
    .optionsGroup('In a cluster of yours, with responders and requesters of the drill alone:')
    .option('--attach <url>', 'one of its brokers, ws://; repeat it or use commas', collect)
    .option('--registry <url>', 'a registry that knows them, instead', collect)
    .option('--topic <topic>', "the drill's own (default: finbus.drill)")
    .option('--token-file <file>', 'file with the token to show to brokers, and to the admin API')
    .optionsGroup('On the timeline of a dashboard, and with words such as "isolate idc sz" there:')
    .option('--admin <url>', 'the admin API to tell how it goes; isolates and drains, if attached')
    .option('--operator <name>', 'who you are, where no token says so (default: your login name)')
    .option('--tls-ca <file>', "authority that signed the API's certificate, PEM (https://)")
    .optionsGroup('')
    .action((names: string[], flags: DrillFlags) =>
      runCommand(flags.json === true, async () =>
        (await import('./drill.ts')).drill(names, flags, version),
      ),
    )
}

const addBench = (program: Command): void => {
  program
    .command('bench')
    .summary('measure this machine; options after it are those of the benchmark')
    .argument('[options...]')
    // The benchmark knows its options, and its help.
    .allowUnknownOption()
    .helpOption(false)
    .action((_options: string[], _flags: object, command: Command) =>
      runCommand(false, async () => (await import('./bench.ts')).bench(command.args)),
    )
}

const addClientOptions = (command: Command): Command =>
  command
    .optionsGroup(
      'Options of every command that talks to a broker (in the environment as FINBUS_…):',
    )
    .option('--url <url>', `broker; repeat it or use commas (default: ${DEFAULT_URL})`, collect)
    .option('--registry <url>', 'registry that knows the brokers, instead of --url', collect)
    .option('--idc <name>', 'the data centre you are in (default: local)')
    .option('--token-file <file>', 'file with the token; or FINBUS_TOKEN holds the token itself')
    .option('--tls-ca <file>', "authority that signed the broker's certificate, PEM (wss://)")
    .option('--tls-cert <file>', 'certificate to show to the broker, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .option('--connect-timeout <ms>', 'how long to try to reach a broker (default: 5000)')
    .option('--config <file>', 'JSON file with settings, such as {"url": "…", "idc": "sz"}')
    .addOption(secretOption())
    .optionsGroup('')
    .option('--json', 'print JSON, for programs; errors too')
    .optionsGroup('')

/** Puts the values of a repeated option into a list. */
const collect = (value: string, before: string[] | undefined): string[] => [
  ...(before ?? []),
  value,
]
