/**
 * A process that outlives a drill which is killed, and then kills what that had started: a process that
 * is stopped by SIGSTOP cannot notice that its parent is gone. It is told by lines on its input, and
 * acts when that ends, as it does however the parent dies.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { createInterface } from 'node:readline'
import type { SavedRequest } from './operator.ts'

const hasProc = existsSync('/proc/self/stat')

/** When a process began; another one that has got its number since then began later. */
const bornAt = (pid: number): string => {
  try {
    if (!hasProc) return execFileSync('ps', ['-o', 'lstart=', '-p', `${pid}`], { encoding: 'utf8' })
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the command, in brackets, may hold anything.
    return stat.slice(stat.lastIndexOf(')')).split(' ')[20] ?? ''
  } catch {
    return ''
  }
}

const watched = new Map<number, string>()
const directories = new Set<string>()
/** Requests that give a cluster back what a drill took from it, by what they undo. */
const undos = new Map<string, SavedRequest>()
/** Nobody is left to hear how they ended. */
const UNDO_MS = 10_000

const heed = (line: string): void => {
  const [word, rest] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]
  if (word === 'watch') watched.set(Number(rest), bornAt(Number(rest)))
  else if (word === 'forget') watched.delete(Number(rest))
  else if (word === 'remove') directories.add(rest)
  else if (word === 'undone') undos.delete(rest)
  else if (word === 'undo') {
    const { key, request } = JSON.parse(rest) as { key: string; request: SavedRequest }
    undos.set(key, request)
  }
}

const send = ({ url, method, headers, body, ca }: SavedRequest): void => {
  const request = url.startsWith('https:') ? requestHttps : requestHttp
  const sent = request(url, { method, headers, ...(ca === undefined ? {} : { ca }) }, (answer) => {
    answer.resume()
  })
  const late = setTimeout(() => sent.destroy(), UNDO_MS)
  sent.on('close', () => clearTimeout(late))
  sent.on('error', () => {})
  sent.end(body)
}

const finish = (): void => {
  for (const [pid, born] of watched) {
    if (pid <= 1 || born === '' || bornAt(pid) !== born) continue
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has just ended by itself.
    }
  }
  for (const request of undos.values()) send(request)
  for (const directory of directories) {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 })
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
const lines = createInterface({ input: process.stdin })
lines.on('line', heed)
lines.on('close', finish)
