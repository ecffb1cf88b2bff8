/**
 * The command line as people and scripts meet it: real processes, a real broker, what they print and
 * how they end.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Broker, startBroker } from '../broker/index.ts'
import { type Bus, connect, ServiceError } from '../rr-client/index.ts'
import { readSettings } from '../scenarios/cli/settings.ts'

const MAIN = fileURLToPath(new URL('../scenarios/cli/main.js', import.meta.url))

interface Ended {
  code: number | null
  out: string
  err: string
  bytes: Buffer
}

type Surroundings = { input?: string | Uint8Array; env?: Record<string, string> }

let broker: Broker
let bus: Bus
let folder: string
const running = new Set<Running>()

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'finbus-cli-'))
  broker = await startBroker({ listen: 'ws://127.0.0.1:0' })
  bus = await connect(broker.url, { name: 'world', group: 'world' })
})

after(async () => {
  for (const left of running) left.child.kill('SIGKILL')
  await bus.close()
  await broker.close()
  rmSync(folder, { recursive: true })
})

/** A finbus process and what it has printed. */
class Running {
  readonly ended: Promise<Ended>
  readonly child: ChildProcess
  #out: Buffer[] = []
  #err = ''
  #onOutput = (): void => {}

  constructor(args: readonly string[], { input, env }: Surroundings) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('FINBUS_'))
    this.child = spawn(process.execPath, [MAIN, ...args], {
      env: { ...Object.fromEntries(inherited), FINBUS_URL: broker.url, ...env },
    })
    this.child.stdin?.on('error', () => {})
    this.child.stdin?.end(input)
    this.child.stdout?.on('data', (part: Buffer) => {
      this.#out.push(part)
      this.#onOutput()
    })
    this.child.stderr?.on('data', (part: Buffer) => {
      this.#err += part.toString('utf8')
      this.#onOutput()
    })
    running.add(this)
    this.ended = once(this.child, 'close').then(([code]) => {
      running.delete(this)
      this.#onOutput()
      const bytes = Buffer.concat(this.#out)
      return { code: code as number | null, out: bytes.toString('utf8'), err: this.#err, bytes }
    })
  }

  /** Resolves when it has printed such a text; rejects if it ends without. */
  printed(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#onOutput = () => {
        const text = `${Buffer.concat(this.#out).toString('utf8')}\n${this.#err}`
        const found = pattern.exec(text)
        if (found !== null) resolve(found[0])
        else if (!running.has(this)) reject(new Error(`ended without ${pattern}: ${text}`))
      }
      this.#onOutput()
    })
  }
}

const begin = (args: readonly string[], surroundings: Surroundings = {}): Running =>
  new Running(args, surroundings)
const finbus = (args: readonly string[], surroundings: Surroundings = {}): Promise<Ended> =>
  begin(args, surroundings).ended

const stop = async (process: Running): Promise<Ended> => {
  process.child.kill('SIGTERM')
  return process.ended
}

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

describe('a first request and reply', { concurrency: 4 }, () => {
  test('what one terminal answers another one prints, and Ctrl-C drains', async () => {
    const responder = begin(['reply', 'first.echo', '--echo'])
    await responder.printed(/answering first\.echo/)

    const asked = await finbus(['request', 'first.echo', '{"hello": "wörld"}'])
    assert.deepEqual([asked.code, asked.out, asked.err], [0, '{"hello":"wörld"}\n', ''])

    responder.child.kill('SIGINT')
    const ended = await responder.ended
    assert.equal(ended.code, 0)
    assert.match(ended.err, /closed: \d+ finished, 0 handed back, 0 abandoned/)
  })

  test('files and pipes: JSON goes as JSON, anything else byte for byte', async () => {
    await bus.reply('pipe.echo', (body) => body)
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const [binary, json, piped, text] = await Promise.all([
      finbus(['request', 'pipe.echo', `@${file('all.bin', bytes)}`]),
      finbus(['request', 'pipe.echo', `@${file('a.json', '{ "a": [1, 2] }\n')}`]),
      finbus(['request', 'pipe.echo', '-', '--json'], { input: bytes }),
      finbus(['request', 'pipe.echo', '-', '--json'], { input: '<Id>7</Id>' }),
    ])
    assert.deepEqual(binary.bytes, Buffer.from(bytes))
    assert.equal(json.out, '{"a":[1,2]}\n')
    const { reply } = JSON.parse(piped.out) as { reply: { base64: string } }
    assert.deepEqual(Buffer.from(reply.base64, 'base64'), Buffer.from(bytes))
    assert.deepEqual(JSON.parse(text.out).reply, { text: '<Id>7</Id>' })
  })

  test('--wait waits for a service that is not there yet', async () => {
    const asking = begin(['request', 'late.service', '1', '--wait', '--timeout', '9000'])
    await bus.reply('late.service', (body) => body)
    const asked = await asking.ended
    assert.deepEqual([asked.code, asked.out], [0, '1\n'])
  })

  test('a second group is told who answers, and does not stay', async () => {
    await bus.reply('first.taken', (body) => body)
    const refused = await finbus(['reply', 'first.taken', '--echo', '--group', 'second'])
    assert.equal(refused.code, 1)
    assert.match(refused.err, /^error: forbidden: .*world/)
  })

  test('a reader that has seen enough is no failure', async () => {
    await bus.reply('first.long', () => 'x'.repeat(500_000))
    const asking = begin(['request', 'first.long'])
    asking.child.stdout?.destroy()
    const ended = await asking.ended
    assert.deepEqual([ended.code, ended.err], [0, ''])
  })
})

describe('--json', { concurrency: 4 }, () => {
  test('a reply is one object with the time it took; headers and timeout reach the handler', async () => {
    await bus.reply('json.tells', (_body, ctx) => [{ ...ctx.headers }, ctx.remainingMs() <= 900])
    const options = '--header trace=a=b --header tenant=sz --timeout 900 --key 7'.split(' ')
    const asked = await finbus(['request', 'json.tells', '--json', ...options])
    const { ok, reply, ms } = JSON.parse(asked.out)
    assert.deepEqual([ok, ms > 0 && ms < 900], [true, true])
    assert.deepEqual(reply, [{ trace: 'a=b', tenant: 'sz' }, true])
  })

  test('a failure is one object that says whether the work was done', async () => {
    await bus.reply('json.refuses', () => {
      throw new ServiceError('INSUFFICIENT_FUNDS', 'only 3.00 left', { balance: '3.00' })
    })
    const asked = await finbus(['request', 'json.refuses', '--json'])
    const { ok, error } = JSON.parse(asked.out)
    assert.deepEqual([asked.code, asked.err, ok], [1, '', false])
    assert.deepEqual([error.code, error.outcome], ['INSUFFICIENT_FUNDS', 'executed'])
    assert.deepEqual(error.details, { balance: '3.00' })
  })
})

describe('errors in words', { concurrency: 4 }, () => {
  test('nobody answers: the work was not done, and what to do', async () => {
    const asked = await finbus(['request', 'words.nobody'])
    assert.deepEqual([asked.code, asked.out], [1, ''])
    assert.match(asked.err, /^error: no_responder: .*the work was not done.*--wait/s)
  })

  test('a service that says no cannot write over the terminal', async () => {
    await bus.reply('words.refuses', () => {
      throw new ServiceError('LIMIT_EXCEEDED', 'over\n\u001b[2Jthe limit')
    })
    const asked = await finbus(['request', 'words.refuses', '1'])
    assert.equal(asked.code, 1)
    assert.match(asked.err, /^error: LIMIT_EXCEEDED: over \[2Jthe limit\n.*its handler ran/)
  })

  test('Ctrl-C cancels the call, and says what is known', async () => {
    const calls = new EventEmitter()
    await bus.reply('words.slow', (_body, ctx) => {
      calls.emit('begun')
      return new Promise((settle) => ctx.signal.addEventListener('abort', () => settle(0)))
    })
    const isBegun = once(calls, 'begun')
    const asking = begin(['request', 'words.slow', '--timeout', '60000'])
    await isBegun
    asking.child.kill('SIGINT')
    const ended = await asking.ended
    assert.equal(ended.code, 1)
    assert.match(ended.err, /^error: cancelled: .*the work may have been done/s)
  })

  test('no broker there', async () => {
    const options = ['--url', 'ws://127.0.0.1:1', '--connect-timeout', '200']
    const asked = await finbus(['request', 'a', ...options])
    assert.equal(asked.code, 1)
    assert.match(asked.err, /^error: not_connected: .*the work was not done.*finbus start/s)
  })
})

describe('reply --command', { concurrency: 4 }, () => {
  test('the body goes in, what the program prints comes back', async () => {
    const responder = begin(['reply', 'run.sed', '--command', 'sed s/7/8/'])
    await responder.printed(/answering/)
    const asked = await finbus(['request', 'run.sed', '{"account":"7"}'])
    assert.equal(asked.out, '{"account":"8"}\n')
    assert.deepEqual(await bus.request('run.sed', Buffer.from('<a>7</a>')), Buffer.from('<a>8</a>'))
    assert.equal((await stop(responder)).code, 0)
  })

  test('it is told of the call, and its failure is COMMAND_FAILED with its last words', async () => {
    const command = 'echo first >&2; echo "$FINBUS_TOPIC $FINBUS_ATTEMPT is broken" >&2; exit 3'
    const responder = begin(['reply', 'run.fails', '--command', command])
    await responder.printed(/answering/)
    await assert.rejects(bus.request('run.fails', 1), {
      code: 'COMMAND_FAILED',
      message: 'run.fails 1 is broken',
      details: { exitCode: 3 },
    })
    await stop(responder)
  })

  test('when the caller gives up, the program and what it started are killed', async () => {
    const command = `(trap 'echo grandchild ended >&2; exit' TERM; echo begun >&2
      while :; do sleep 0.02; done) & wait`
    const responder = begin(['reply', 'run.hangs', '--command', command])
    await responder.printed(/answering/)
    const caller = new AbortController()
    const { signal } = caller
    const asking = bus.request('run.hangs', 1, { signal, timeoutMs: 60_000 })
    await responder.printed(/begun/)
    caller.abort()
    await assert.rejects(asking, { code: 'cancelled', outcome: 'unknown' })
    await responder.printed(/grandchild ended/)
    assert.equal((await stop(responder)).code, 0)
  })
})

describe('a command that is wrong ends with 2 and says what would be right', () => {
  const env = { FINBUS_URL: 'ws://127.0.0.1:1' }
  const wrong: [string, string[], RegExp, Record<string, string>?][] = [
    ['a command', ['reqest', 'a'], /unknown command 'reqest'.*Did you mean request\?/s],
    ['an option', ['request', 'a', '--timout', '5'], /'--timout'.*Did you mean --timeout\?/s],
    ['no command', [], /Usage: finbus/],
    ['a number', ['request', 'a', '--timeout', 'soon'], /--timeout must be a whole.*"soon"/],
    ['a body', ['request', 'a', 'hello'], /not JSON.*'"hello"'/],
    ['too many words', ['request', 'a', '{', '}'], /too many arguments.*JSON needs quotes/s],
    ['a token for all to see', ['topics', '--token', 's3cret'], /--token-file or FINBUS_TOKEN/],
    ['no way to answer', ['reply', 'a'], /either --echo or --command/],
    ['a variable', ['topics'], /FINBUS_TIMOUT.*FINBUS_TIMEOUT/, { FINBUS_TIMOUT: '5' }],
  ]
  test(wrong.map(([what]) => what).join(', '), async () => {
    const ended = await Promise.all(
      wrong.map(([, args, , more]) => finbus(args, { env: { ...env, ...more } })),
    )
    for (const [i, [what, , says]] of wrong.entries()) {
      const { code, out, err } = ended[i]!
      assert.deepEqual([code, out], [2, ''], what)
      assert.match(err, says, what)
      assert.doesNotMatch(err, /s3cret|^\s+at /m, what)
    }
  })

  test('help and version are no errors, and help shows a first call', async () => {
    const [help, version] = await Promise.all([finbus(['--help']), finbus(['--version'])])
    assert.deepEqual([help.code, version.code], [0, 0])
    assert.match(version.out, /^\d+\.\d+\.\d+\n$/)
    for (const word of ['finbus start', '--echo', 'finbus request demo.echo', 'FINBUS_URL']) {
      assert.ok(help.out.includes(word), word)
    }
  })
})

describe('start', { concurrency: 4 }, () => {
  test('says where it listens and what to type, serves, and closes on SIGTERM', async () => {
    const started = begin(['start', '--listen', 'ws://127.0.0.1:0'])
    const url = /ws:\S+/.exec(await started.printed(/listens on ws:\S+/))?.[0] ?? ''
    await started.printed(new RegExp(`finbus request demo\\.echo .* --url ${url}`))
    const other = await connect(url)
    await other.reply('start.echo', (body) => body)
    assert.equal(await other.request('start.echo', '5'), '5')
    await other.close()
    assert.equal((await stop(started)).code, 0)
  })

  test('a taken port, and the open without TLS and tokens, are refused in one sentence', async () => {
    const [taken, open] = await Promise.all([
      finbus(['start', '--listen', broker.url, '--admin', 'off']),
      finbus(['start', '--listen', 'ws://0.0.0.0:0']),
    ])
    for (const ended of [taken, open]) {
      assert.deepEqual([ended.code, ended.out], [1, ''])
      assert.match(ended.err, /^error: .*\n$/)
    }
    assert.match(taken.err, new RegExp(new URL(broker.url).port))
    assert.match(open.err, /TLS/i)
  })

  test('a broker with tokens takes the one in the file, and nobody without', async () => {
    const grants = [{ token: 'sesame-of-the-cli', request: ['safe.*'], reply: ['safe.*'] }]
    const tokens = file('tokens.json', JSON.stringify(grants))
    const started = begin(['start', '--listen', 'ws://127.0.0.1:0', '--tokens', tokens, '--json'])
    const { url } = JSON.parse(await started.printed(/^\{.*\}$/m)) as { url: string }
    const tokenFile = file('token', 'sesame-of-the-cli\n')
    const env = { FINBUS_URL: url }
    const [without, within] = await Promise.all([
      finbus(['request', 'safe.a', '--json'], { env }),
      finbus(['request', 'safe.a', '--json', '--token-file', tokenFile], { env }),
    ])
    const codes = [without, within].map(({ out }) => JSON.parse(out).error.code)
    assert.deepEqual(codes, ['unauthenticated', 'no_responder'])
    await stop(started)
  })

  test('the file is beaten by the environment, and that by the option', async () => {
    const listen = 'ws://127.0.0.1:0'
    const config = file('finbus.json', JSON.stringify({ listen, idc: 'of-file', id: 'of-file' }))
    const env = { FINBUS_CONFIG: config, FINBUS_IDC: 'of-env', FINBUS_ID: 'of-env' }
    const started = begin(['start', '--json', '--idc', 'of-option'], { env })
    const told = JSON.parse(await started.printed(/^\{.*\}$/m))
    assert.deepEqual([told.idc, told.id], ['of-option', 'of-env'])
    assert.notEqual(new URL(told.url).port, '7400')
    await stop(started)
  })
})

describe('settings', () => {
  const config = (content: unknown): string => file('settings.json', JSON.stringify(content))

  test('option beats environment beats file beats nothing', () => {
    const path = config({ idc: 'c', name: 'c', group: 'c', tlsCa: 'ca.pem' })
    const env = { FINBUS_CONFIG: path, FINBUS_IDC: 'b', FINBUS_NAME: 'b', PATH: '/bin' }
    const { idc, name, group, tlsCa, timeout } = readSettings({ idc: 'a', json: true }, env)
    assert.deepEqual([idc, name, group, timeout], ['a', 'b', 'c', undefined])
    assert.equal(tlsCa, join(folder, 'ca.pem'), 'a file named in a settings file lies beside it')
    const { url } = readSettings({ url: ['ws://a:1, ws://b:1', 'unix:/c'] }, {})
    assert.deepEqual(url, ['ws://a:1', 'ws://b:1', 'unix:/c'])
    assert.equal(readSettings({}, { FINBUS_MAX_DEPTH: '500', FINBUS_IDC: '' }).maxDepth, 500)
  })

  test('an option for the token beats the token in the environment', () => {
    const env = { FINBUS_TOKEN: 'secret', FINBUS_TOKEN_FILE: 'b' }
    assert.equal(readSettings({}, env).token, 'secret')
    const { token, tokenFile } = readSettings({ tokenFile: 'a' }, env)
    assert.deepEqual([token, tokenFile], [undefined, 'a'])
  })

  test('what is unknown or wrong is refused by name, with its place and the nearest known', () => {
    const refused = (content: unknown, says: RegExp): void =>
      assert.throws(() => readSettings({ config: config(content) }, {}), says)
    refused({ tokenFil: 'a' }, /unknown setting "tokenFil" in .*settings\.json.*tokenFile\?/)
    refused({ token: 'a' }, /unknown setting "token"/)
    refused({ url: ['ws://a:1', 5] }, /^UsageError: url in .*settings\.json must be ws:.*got 5/)
    refused({ maxDepth: 0 }, /maxDepth in .* from 1 to 1000000; got 0/)
    refused(['idc'], /must hold an object/)
    assert.throws(() => readSettings({ url: ['http://a:1'] }, {}), /--url must be ws:.*"http:/)
    assert.throws(() => readSettings({ config: join(folder, 'none.json') }, {}), /none\.json/)
    assert.throws(() => readSettings({}, { FINBUS_LOG: 'loud' }), /FINBUS_LOG must be one of/)
    assert.throws(() => readSettings({}, { FINBUS_URLL: 'a' }), /FINBUS_URLL.*FINBUS_URL\?/)
    assert.doesNotThrow(() => readSettings({}, { FINBUS_TOPIC: 'a', FINBUS_DEBUG: '1' }))
  })
})

describe('looking at a broker', () => {
  test('topics and queues as tables and JSON; a mistyped topic gets the nearest', async () => {
    await bus.reply('look.balance', () => null)
    const [topics, queues, typo] = await Promise.all([
      finbus(['topics']),
      finbus(['queues', 'look.balance', '--json']),
      finbus(['queues', 'look.balanec']),
    ])
    assert.match(topics.out, /^TOPIC +GROUP +QUEUES/)
    assert.match(topics.out, /^look\.balance +world +1 /m)
    const [queue] = JSON.parse(queues.out).queues
    assert.deepEqual([queue.topic, queue.ownerName, queue.waiting], ['look.balance', 'world', 0])
    assert.deepEqual([typo.code, typo.out], [1, ''])
    assert.match(typo.err, /^error: .*look\.balanec.*look\.balance\?/)
  })
})
