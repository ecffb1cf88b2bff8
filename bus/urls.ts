/** Addresses of brokers and of registries: what they must look like. */

/** Longest address, in characters. */
const MAX_URL = 256
export const BROKER_URL_RULE = 'must be ws://host:port, wss://host:port or unix:/path'
export const REGISTRY_URL_RULE = 'must be http://host:port or https://host:port'

/** No path, no query, and no user: a secret in a url ends up in logs. */
const BROKER_URL = /^wss?:\/\/[^/\s@?#]+\/?$/
const REGISTRY_URL = /^https?:\/\/[^/\s@?#]+\/?$/
const UNIX_URL = /^unix:\/.+/s
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/
const EVERYWHERE = /^(0\.0\.0\.0|\[?::\]?)$/

export const isBrokerUrl = (url: string): boolean =>
  url.length <= MAX_URL && (UNIX_URL.test(url) || (BROKER_URL.test(url) && URL.canParse(url)))

export const isRegistryUrl = (url: string): boolean =>
  url.length <= MAX_URL && REGISTRY_URL.test(url) && URL.canParse(url)

/** The same address is the same text. */
export const plainUrl = (url: string): string =>
  url.startsWith('unix:') ? url : url.replace(/\/$/, '')

export const isLoopback = (host: string): boolean => LOOPBACK.test(host)

/** Whether a listener there hears on every address of its machine, and none of them is its name. */
export const isEverywhere = (host: string): boolean => EVERYWHERE.test(host)
