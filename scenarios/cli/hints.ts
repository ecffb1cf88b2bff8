/** What to type next, once brokers run. */
import { DEFAULT_ADMIN } from './defaults.ts'
import type { Settings } from './settings.ts'

/** `where` are the options that lead there; `asked` and `answered` those of one end of the call. */
export const nextSteps = (
  settings: Settings,
  where: string,
  {
    answered = '',
    asked = '',
    admin,
  }: { answered?: string; asked?: string; admin?: string | undefined } = {},
): string => {
  const shown = settings.tokens === undefined ? '' : ' --token-file FILE'
  const trusted = settings.tlsCert === undefined ? '' : ' --tls-ca FILE'
  const certified = settings.tlsClientCa === undefined ? '' : ' --tls-cert FILE --tls-key FILE'
  const guarded = shown + trusted + certified
  return [
    'Next, in other terminals:',
    `  finbus reply demo.echo --echo${where}${answered}${guarded}`,
    `  finbus request demo.echo '{"hello":"world"}'${where}${asked}${guarded}`,
    `  finbus topics${where}${guarded}`,
    ...(admin === undefined ? [] : [`  finbus top${adminAt(admin)}${shown}${trusted}`]),
    '',
  ].join('\n')
}

const adminAt = (admin: string): string =>
  admin === DEFAULT_ADMIN ? '' : ` --admin ${reachable(admin)}`

/** Where people look at it, and programs ask. */
export const dashboardLines = (admin: string | undefined): string[] =>
  admin === undefined ? [] : [`Dashboard and admin API: ${reachable(admin)}`]

/** A broker that listens everywhere is reached, and certified, under a name. */
export const reachable = (url: string): string => url.replace(/\/\/(0\.0\.0\.0|\[::\]):/, '//HOST:')
