import type { KubernetesObject } from './meta.ts'

export interface UserInfo {
  readonly username?: string
  readonly uid?: string
  readonly groups?: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

export interface TokenRequest extends KubernetesObject {
  readonly spec?: {
    readonly audiences?: readonly string[]
    readonly expirationSeconds?: number
    readonly boundObjectRef?: {
      readonly kind?: string
      readonly apiVersion?: string
      readonly name?: string
      readonly uid?: string
    }
  }
  readonly status?: { readonly token: string; readonly expirationTimestamp: string }
}

export interface TokenReview extends KubernetesObject {
  readonly spec?: { readonly token?: string; readonly audiences?: readonly string[] }
  readonly status?: {
    readonly authenticated?: boolean
    readonly user?: UserInfo
    readonly audiences?: readonly string[]
    readonly error?: string
  }
}

export interface SelfSubjectReview extends KubernetesObject {
  readonly status?: { readonly userInfo: UserInfo }
}
