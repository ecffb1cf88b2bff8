import { z } from 'zod'
import { isName } from '../../bus/names.ts'
import {
  BROKER_URL_RULE,
  isBrokerUrl,
  isRegistryUrl,
  plainUrl,
  REGISTRY_URL_RULE,
} from '../../bus/urls.ts'
import type { Announcement } from './core/directory.ts'

const MOST_URLS = 8
const NAME_RULE = 'must be 1 to 64 letters, digits, _ . and -'
const LIFE_RULE = 'must be a whole number from 1 to 2^53 - 1'
const URLS_RULE = `must be a list of 1 to ${MOST_URLS} urls of the broker`

/** As for names, but an id that was drawn may begin with a dash. */
export const isBrokerId = (id: string): boolean => /^[\w-][\w.-]{0,63}$/.test(id)

const id = z.string({ error: NAME_RULE }).refine(isBrokerId, NAME_RULE)
const idc = z.string({ error: NAME_RULE }).refine(isName, NAME_RULE)
const url = z.string({ error: BROKER_URL_RULE }).refine(isBrokerUrl, BROKER_URL_RULE)
const admin = z.string({ error: REGISTRY_URL_RULE }).refine(isRegistryUrl, REGISTRY_URL_RULE)

/** What else it says is left alone: a newer broker may say more. */
const ANNOUNCEMENT = z.object(
  {
    id,
    life: z.int({ error: LIFE_RULE }).min(1, LIFE_RULE),
    idc,
    urls: z
      .array(url, { error: URLS_RULE })
      .min(1, URLS_RULE)
      .max(MOST_URLS, URLS_RULE)
      .transform((urls) => [...new Set(urls.map(plainUrl))]),
    admin: admin.transform(plainUrl).optional(),
  },
  { error: 'must be an object such as {"id", "life", "idc", "urls": ["wss://host:port"]}' },
)

/** The announcement in a body, or what is wrong with it and what would be right. */
export const readAnnouncement = (body: string): Announcement | string => {
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch {
    return 'the body must be JSON, such as {"id", "life", "idc", "urls": ["wss://host:port"]}'
  }
  const parsed = ANNOUNCEMENT.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  return `${issue.path.join('.') || 'the body'} ${issue.message}; got ${shown(json, issue.path)}`
}

const shown = (json: unknown, path: readonly PropertyKey[]): string => {
  let value = json
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key]
  return (JSON.stringify(value) ?? 'nothing').slice(0, 80)
}
