import type { TokenReview, UserInfo } from '#api/authentication.ts'
import { badRequest } from '#api/status.ts'
import { TokenError } from '../../auth/tokens/account-tokens.ts'
import type { User } from '../../auth/user.ts'
import type { Answer } from '../../http/answer.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { answerReview, readReview } from './read-review.ts'

const INVALID = 'invalid bearer token'

/** Whether a token is good, and whose it is: pkg/registry/authentication/tokenreview. */
export async function reviewToken(request: RESTRequest, { access }: RESTDeps): Promise<Answer> {
  const review = await readReview<TokenReview>(request)
  const { token = '', audiences = [] } = review.spec ?? {}
  if (token === '') throw badRequest('token is required for TokenReview in authentication')
  const asked = audiences.length > 0 ? audiences : (access.tokens?.audiences ?? [])
  try {
    const found = await access.authenticateToken(token, asked)
    if (!found) return answerReview(review, { user: {}, error: INVALID })
    const user = userInfoOf(found.user)
    return answerReview(review, { authenticated: true, user, audiences: found.audiences })
  } catch (error) {
    if (!(error instanceof TokenError)) throw error
    return answerReview(review, { user: {}, error: `[${INVALID}, ${error.message}]` })
  }
}

/** Who asks: `kubectl auth whoami`. Source: pkg/registry/authentication/selfsubjectreview. */
export async function reviewSelf(request: RESTRequest): Promise<Answer> {
  const review = await readReview(request)
  return answerReview(review, { userInfo: userInfoOf(request.user) })
}

const userInfoOf = ({ name, uid, groups, extra }: User): UserInfo => ({
  username: name,
  ...(uid === undefined ? {} : { uid }),
  groups,
  ...(extra === undefined ? {} : { extra }),
})
