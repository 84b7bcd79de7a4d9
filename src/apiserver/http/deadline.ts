import { parseGoDuration } from '#api/go-duration.ts'
import { badRequest, timeout } from '#api/status.ts'

/** As upstream's --request-timeout. */
export const REQUEST_TIMEOUT_MS = 60_000

/** How long a request may take: the query's `timeout`, if it is shorter than the server's. Source: apiserver endpoints/filters/request_deadline.go. @throws StatusError 400 */
export function deadlineOf(query: URLSearchParams, mostMs: number): number {
  const text = query.get('timeout') ?? ''
  if (text === '') return mostMs
  const wanted = parseGoDuration(text)
  if (wanted === undefined)
    throw badRequest(
      `invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text)}`,
    )
  return wanted > 0 && wanted < mostMs ? wanted : mostMs
}

/** Answers, or says after the time that it did not (apiserver server/filters/timeout.go). @throws StatusError 504 */
export async function within<T>(milliseconds: number, answer: Promise<T>, giveUp: () => void) {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    reject(timeout('request did not complete within the allotted timeout'))
    giveUp()
  }, milliseconds)
  try {
    return await Promise.race([answer, promise])
  } finally {
    clearTimeout(timer)
  }
}
