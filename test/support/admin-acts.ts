/** An admin side to act on in stories: what operators say, and what is remembered of it. */
import assert from 'node:assert/strict'
import type { ActionReport, AuditEntry, StandingForce } from '../../broker/admin/api.ts'
import { type Admin, admin, FakeSteering, say } from './steering.ts'
import type { World } from './world.ts'

export const LIMITS = { maxDepth: 10, maxDepthBytes: 4_096 }

export const started = async (world: World, options = {}): Promise<Admin> => {
  const steering = new FakeSteering('b1')
  steering.limits.set('account.balance', { ...LIMITS })
  return admin(world, steering, { options })
}

export const acted = async (
  { url }: Admin,
  path: string,
  body: object,
  { method = 'POST', operator = 'olga' } = {},
): Promise<ActionReport> => {
  const said = await say(url, method, path, body, { 'x-finbus-operator': operator })
  assert.equal(said.status, 200, JSON.stringify(said.body))
  return said.body as unknown as ActionReport
}

export const refused = async (
  { url }: Admin,
  path: string,
  body: unknown,
  { method = 'POST', operator = 'olga' } = {},
) => {
  const said = await say(url, method, path, body, { 'x-finbus-operator': operator })
  assert.ok(said.status >= 400, JSON.stringify(said.body))
  return { status: said.status, ...said.body.error }
}

export const audited = async ({ url }: Admin): Promise<AuditEntry[]> =>
  (await say(url, 'GET', '/v1/audit')).body.entries as AuditEntry[]

export const standing = async ({ url }: Admin): Promise<StandingForce[]> =>
  (await say(url, 'GET', '/v1/snapshot')).body.forces as StandingForce[]
