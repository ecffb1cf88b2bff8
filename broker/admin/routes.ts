import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { compress } from 'hono/compress'
import { messageOf } from '../../bus/codec.ts'
import { BusError } from '../../bus/errors.ts'
import type { Log } from '../../bus/log.ts'
import type { ActionReport, AuditEntry } from './api.ts'
import { type Audit, NOBODY } from './audit.ts'
import type { Auth, Caller } from './auth.ts'
import { checked, readJson } from './body.ts'
import { PASSED_ON_HEADER } from './peer-http.ts'
import { AdminRefusal, type RefusalCode } from './refusal.ts'
import { ACTION_REPORT, ADMIN_ERROR } from './schemas.ts'

const MAX_BODY_BYTES = 65_536
const NOTHING = z.strictObject({})
const GUARDS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

type None = typeof NOTHING

/** What a route is: how it is reached, and what it says. */
export interface RouteSpec<P extends z.ZodObject, Q extends z.ZodObject> {
  /** With names of parameters in braces. */
  readonly path: string
  readonly summary: string
  readonly params?: P
  readonly query?: Q
  readonly answer: z.ZodType
  /** Several who ask may be given the same object: it is put into words once. */
  readonly isShared?: boolean
}

export interface ActionSpec<P extends z.ZodObject, B extends z.ZodObject> {
  readonly method: 'post' | 'patch'
  readonly path: string
  /** What it is called in audits. */
  readonly action: string
  readonly summary: string
  readonly params?: P
  readonly body: B
  readonly maxBytes?: number
  readonly answer?: z.ZodType
  /** Why it cannot be done here at all; undefined: it can. */
  readonly missing?: string | undefined
}

/** One request, checked. */
export interface Asked<P extends z.ZodObject, Q extends z.ZodObject> {
  readonly params: z.output<P>
  readonly query: z.output<Q>
  readonly caller: Caller
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Another broker's admin side asks: what is said here is about this broker alone. */
  readonly isPassedOn: boolean
}

export interface Ordered<P extends z.ZodObject, B extends z.ZodObject> {
  readonly params: z.output<P>
  readonly body: z.output<B>
  readonly caller: Caller
  readonly isPassedOn: boolean
}

/** What an action is about, and how it ended. */
export interface Deed {
  readonly target: string
  readonly topic: string | null
  readonly reason: string
  /** What it answers; `before` and `after` of it are audited. */
  readonly run: () => Promise<object & Partial<ActionReport>>
}

type Env = { Bindings: HttpBindings }

/** The paths of the admin API: who may, what must be said, what comes back. All of them are described. */
export class Routes {
  readonly app = new OpenAPIHono<Env>()
  readonly counters = { requestsRefused: 0 }
  readonly #auth: Auth
  readonly #audit: Audit
  readonly #acted: () => void
  /** Answers that are shared. */
  readonly #texts = new WeakMap<object, string>()
  /** Methods by the pattern of their path. */
  readonly #known: { pattern: RegExp; path: string; method: string }[] = []

  /** `acted` is called after everything that was done: what was seen before is old. */
  constructor(auth: Auth, audit: Audit, log: Log, acted: () => void) {
    this.#auth = auth
    this.#audit = audit
    this.#acted = acted
    this.app.use('/v1/snapshot', compress())
    this.app.use('*', async (c, next) => {
      auth.guard(c.env.incoming)
      await next()
    })
    const no = (c: Context<Env>, error: unknown): Response => {
      this.counters.requestsRefused += 1
      return refused(c, error, log)
    }
    this.app.onError((error, c) => no(c, error))
    this.app.notFound((c) => no(c, this.#missing(c.req.path, c.req.method)))
    this.app.openAPIRegistry.registerComponent('securitySchemes', 'token', {
      type: 'http',
      scheme: 'bearer',
    })
  }

  /** Text for whoever asks, or for callers that may look. */
  text(
    path: string,
    summary: string,
    need: 'look' | undefined,
    answer: () => Promise<{ status?: 200 | 503; type: string; text: string }>,
  ): void {
    this.#describe({ method: 'get', path, summary, responses: textAnswer }, need !== undefined)
    this.app.get(path, async (c) => {
      if (need !== undefined) this.#auth.check(this.#auth.caller(c.env.incoming), need)
      const { status = 200, type, text } = await answer()
      return c.body(text, status, { ...GUARDS, 'content-type': type })
    })
  }

  /** A page that somebody else serves. */
  page(path: string, summary: string): void {
    this.#describe({ method: 'get', path, summary, responses: textAnswer }, false)
  }

  /** Something to look at. An answer of undefined: it was sent already. */
  look<P extends z.ZodObject = None, Q extends z.ZodObject = None>(
    spec: RouteSpec<P, Q>,
    answer: (asked: Asked<P, Q>) => object | undefined | Promise<object | undefined>,
    type = 'application/json',
  ): void {
    const { path, summary, params, query } = spec
    const request = { ...(params && { params }), ...(query && { query }) }
    const responses = answersOf(spec.answer, type)
    this.#describe({ method: 'get', path, summary, request, responses }, true)
    this.app.get(honoPath(path), async (c) => {
      const caller = this.#auth.caller(c.env.incoming)
      this.#auth.check(caller, 'look')
      const said = await answer({
        params: checked('the path', (params ?? NOTHING) as P, c.req.param()),
        query: checked('the query', (query ?? NOTHING) as Q, c.req.query()),
        caller,
        request: c.env.incoming,
        response: c.env.outgoing,
        isPassedOn: isPassedOn(c),
      })
      if (said === undefined) return alreadySent()
      if (spec.isShared !== true) return c.json(said, 200, GUARDS)
      return c.body(this.#textOf(said), 200, { ...GUARDS, 'content-type': 'application/json' })
    })
  }

  /** Something to do: refused or done, it is audited. */
  act<B extends z.ZodObject, P extends z.ZodObject = None>(
    spec: ActionSpec<P, B>,
    deed: (ordered: Ordered<P, B>) => Deed,
  ): void {
    const { action } = spec
    this.#order(spec, async (c, caller) => {
      let about: Omit<Deed, 'run'> | undefined
      const note = (end: Pick<AuditEntry, 'before' | 'after' | 'outcome' | 'error'>): void => {
        const { target = c.req.path, topic = null, reason = '' } = about ?? {}
        const who = caller()?.who ?? NOBODY
        this.#audit.note({ at: Date.now(), who, action, target, reason, ...end }, topic)
      }
      try {
        const ordered = await this.#ordered(c, spec)
        const { run, ...rest } = deed(ordered)
        about = rest
        const report = await run()
        const { before = null, after = null } = report
        note({ before, after, outcome: 'done', error: null })
        return report
      } catch (error) {
        note({ before: null, after: null, outcome: 'refused', error: messageOf(error) })
        throw error
      }
    })
  }

  /** Something to say that changes nothing. */
  say<B extends z.ZodObject>(
    spec: ActionSpec<None, B> & { answer: z.ZodType },
    answer: (ordered: Ordered<None, B>) => Promise<object>,
  ): void {
    this.#order(spec, async (c) => answer(await this.#ordered(c, spec)))
  }

  /** The description of all routes. */
  describe(version: string): object {
    return this.app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: { title: 'finbus admin API', version },
    })
  }

  #order<P extends z.ZodObject, B extends z.ZodObject>(
    spec: ActionSpec<P, B>,
    act: (c: Context<Env>, caller: () => Caller | undefined) => Promise<object>,
  ): void {
    const { method, path, summary, params, body } = spec
    const request = {
      ...(params && { params }),
      body: { required: true, content: { 'application/json': { schema: body } } },
    }
    const responses = answersOf(spec.answer ?? ACTION_REPORT, 'application/json')
    this.#describe({ method, path, summary, request, responses }, true)
    this.app.on([method.toUpperCase()], [honoPath(path)], async (c) => {
      const caller = (): Caller | undefined => {
        try {
          return this.#auth.caller(c.env.incoming)
        } catch {
          return undefined
        }
      }
      const said = await act(c, caller)
      this.#acted()
      return c.json(said, 200, GUARDS)
    })
  }

  async #ordered<P extends z.ZodObject, B extends z.ZodObject>(
    c: Context<Env>,
    { params, body, maxBytes = MAX_BODY_BYTES, missing }: ActionSpec<P, B>,
  ): Promise<Ordered<P, B>> {
    const caller = this.#auth.caller(c.env.incoming)
    this.#auth.check(caller, 'act')
    if (missing !== undefined) throw new AdminRefusal('not_there', missing)
    const said = await readJson(c.env.incoming, maxBytes)
    return {
      params: checked('the path', (params ?? NOTHING) as P, c.req.param()),
      body: checked('the body', body, said),
      caller,
      isPassedOn: isPassedOn(c),
    }
  }

  #textOf(said: object): string {
    const text = this.#texts.get(said) ?? JSON.stringify(said)
    this.#texts.set(said, text)
    return text
  }

  #describe(route: RouteConfig, isGuarded: boolean): void {
    const { path, method } = route
    const pattern = new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+').replaceAll('.', '\\.')}$`)
    this.#known.push({ pattern, path, method: method.toUpperCase() })
    this.app.openAPIRegistry.registerPath({
      ...route,
      ...(isGuarded ? { security: [{ token: [] }] } : {}),
    })
  }

  #missing(path: string, method: string): AdminRefusal {
    const known = this.#known.filter(({ pattern }) => pattern.test(path))
    if (known.length === 0) {
      return new AdminRefusal('not_found', 'nothing is here; /v1/openapi.json says what there is')
    }
    const methods = [...new Set(known.map((route) => route.method))].join(' or ')
    return new AdminRefusal(
      'method_not_allowed',
      `${known[0]!.path} takes ${methods}; got ${method}`,
    )
  }
}

const refused = (c: Context<Env>, error: unknown, log: Log): Response => {
  const refusal = refusalOf(error)
  if (refusal.code === 'internal') log.error({ err: error }, 'defect in the admin API')
  const { status, code, message, details } = refusal
  // What is left of a body is not worth reading, and nothing else should come by this connection.
  const last: Record<string, string> = c.env.incoming.complete ? {} : { connection: 'close' }
  const challenge: Record<string, string> = status === 401 ? { 'www-authenticate': 'Bearer' } : {}
  const body = { error: { code, message, ...(details && { details }) } }
  return c.json(body, status, { ...GUARDS, ...last, ...challenge })
}

/** What the broker itself refuses. */
const BUS_CODES: Readonly<Record<string, RefusalCode>> = {
  invalid_argument: 'invalid_argument',
  overloaded: 'too_many',
}

const refusalOf = (error: unknown): AdminRefusal => {
  if (error instanceof AdminRefusal) return error
  if (BusError.is(error)) {
    return new AdminRefusal(BUS_CODES[error.code] ?? 'unavailable', error.message)
  }
  return new AdminRefusal('internal', 'this is a defect of the broker; its log says more')
}

const isPassedOn = (c: Context<Env>): boolean => c.req.header(PASSED_ON_HEADER) !== undefined

/** As hono writes parameters. */
const honoPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1')

/** Tells the server that the answer went out beside it. */
const alreadySent = (): Response =>
  new Response(null, { headers: { 'x-hono-already-sent': 'true' } })

const answersOf = (schema: z.ZodType, type: string): RouteConfig['responses'] => ({
  200: { description: 'what was asked for', content: { [type]: { schema } } },
  default: { description: 'why not', content: { 'application/json': { schema: ADMIN_ERROR } } },
})

const textAnswer = { 200: { description: 'text' } }
