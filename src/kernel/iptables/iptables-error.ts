import { errnoOfMessage } from '../command/run-command.ts'

/** iptables(8): "Errors which appear to be caused by […] resource problems": the lock, mostly. */
const RESOURCE_PROBLEM = 4
const MAX_HINT_CHARACTERS = 2000

/** What iptables wants to say by a status and a message. */
export function errnoOfFailure(status: number, stderr: string): string {
  if (status === RESOURCE_PROBLEM && /xtables lock|temporarily unavailable/i.test(stderr))
    return 'EAGAIN'
  if (/No chain\/target\/match by that name|does a matching rule exist/.test(stderr))
    return 'ENOENT'
  // iptables-nft -C of a rule that goes to a chain that is not there.
  if (/Chain '[^']*' does not exist|Couldn't load target/.test(stderr)) return 'ENOENT'
  if (/Directory not empty|Too many links/.test(stderr)) return 'ENOTEMPTY'
  return errnoOfMessage(stderr)
}

/** Its own words, and the script's line that they speak of. */
export function hintOfFailure(stderr: string, script: string): string {
  const message = stderr.trim()
  const [, number] = /line:? (\d+)/.exec(message) ?? []
  const line = number && script.split('\n', Number(number))[Number(number) - 1]
  const text = line ? `${message}\n${line}` : message
  return text.length > MAX_HINT_CHARACTERS ? `${text.slice(0, MAX_HINT_CHARACTERS)}…` : text
}
