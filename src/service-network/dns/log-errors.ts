import type { Log } from '#log/log.ts'
import { bareAnswer } from './answer.ts'
import type { Handler } from './chain.ts'

/** Says SERVFAIL where a handler throws, and why. */
export function logErrors(log: Log): Handler {
  return async (query, next) => {
    try {
      return await next(query)
    } catch (error) {
      log.error(`Cannot answer ${query.question.name} type ${query.question.type}`, { error })
      return bareAnswer('SERVFAIL')
    }
  }
}
