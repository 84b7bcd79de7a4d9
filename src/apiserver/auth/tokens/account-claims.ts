import { randomUUID } from 'node:crypto'
import type { KubernetesObject } from '#api/meta.ts'
import { serviceAccountUser } from '../user.ts'

export interface ObjectName {
  readonly name: string
  readonly uid: string
}

/** What a token says of its account and of what it is bound to. Source: pkg/serviceaccount/claims.go. */
export interface AccountClaims {
  readonly aud: readonly string[]
  readonly exp: number
  readonly iat: number
  readonly iss: string
  readonly jti: string
  readonly 'kubernetes.io': {
    readonly namespace: string
    readonly node?: Partial<ObjectName>
    readonly pod?: ObjectName
    readonly secret?: ObjectName
    readonly serviceaccount: ObjectName
    readonly warnafter?: number
  }
  readonly nbf: number
  readonly sub: string
}

export interface ClaimOptions {
  readonly account: KubernetesObject
  readonly pod?: KubernetesObject
  readonly secret?: KubernetesObject
  /** The one that the token is bound to, or its pod's; without uid where it is only a name. */
  readonly node?: Pick<KubernetesObject, 'metadata'>
  readonly audiences: readonly string[]
  readonly issuer: string
  readonly seconds: number
  /** From then on its use is worth a warning, though it is valid. */
  readonly warnAfterSeconds?: number
  readonly now: number
}

export function planClaims(options: ClaimOptions): AccountClaims {
  const { account, pod, secret, node, issuer, audiences, warnAfterSeconds, seconds } = options
  const { namespace = '' } = account.metadata
  const at = Math.floor(options.now / 1000)
  return {
    aud: audiences,
    exp: at + seconds,
    iat: at,
    iss: issuer,
    jti: randomUUID(),
    'kubernetes.io': {
      namespace,
      ...(node ? { node: nameOf(node) } : {}),
      ...(pod ? { pod: nameOf(pod) } : {}),
      ...(secret ? { secret: nameOf(secret) } : {}),
      serviceaccount: nameOf(account),
      ...(warnAfterSeconds === undefined ? {} : { warnafter: at + warnAfterSeconds }),
    },
    nbf: at,
    sub: serviceAccountUser(namespace, account.metadata.name),
  }
}

const nameOf = ({ metadata }: Pick<KubernetesObject, 'metadata'>) =>
  ({
    name: metadata.name,
    ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
  }) as ObjectName
