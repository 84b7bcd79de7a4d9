import type { TokenRequest } from '#api/authentication.ts'
import type { Pod, ServiceAccountTokenProjection } from '#api/core.ts'
import { type Resource, serviceAccounts } from '#api/resources.ts'
import type { API } from '#client/api.ts'

const DEFAULT_SECONDS = 3600
/** A token is renewed when four fifths of its time are over, or after a day. Source: kubernetes pkg/kubelet/token/token_manager.go. */
const RENEW_AFTER = 0.8
const MAX_AGE_MS = 24 * 3600 * 1000

interface Held {
  readonly token: string
  readonly renewAt: number
}

/** The tokens of a node's pods, renewed before they end. They live in memory and in the pods' volumes only. */
export class PodTokens {
  readonly #held = new Map<string, Map<string, Held>>()
  readonly #api: API
  readonly #now: () => number

  constructor(api: API, now: () => number) {
    this.#api = api
    this.#now = now
  }

  /** A token for the pod's account that ends with the pod. @throws APIStatusError */
  async get(pod: Pod, projection: ServiceAccountTokenProjection): Promise<string> {
    const { uid = '' } = pod.metadata
    const { audience = '', expirationSeconds = DEFAULT_SECONDS } = projection
    const key = `${audience} ${expirationSeconds}`
    const held = this.#held.get(uid)?.get(key)
    if (held && this.#now() < held.renewAt) return held.token
    const fresh = await this.#request(pod, audience, expirationSeconds)
    const ofPod = this.#held.get(uid) ?? new Map<string, Held>()
    this.#held.set(uid, ofPod.set(key, fresh))
    return fresh.token
  }

  forget(podUID: string): void {
    this.#held.delete(podUID)
  }

  async #request({ metadata, spec }: Pod, audience: string, seconds: number): Promise<Held> {
    const { namespace = 'default', name, uid = '' } = metadata
    const wanted: TokenRequest = {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { namespace, name: spec.serviceAccountName ?? 'default' },
      spec: {
        ...(audience === '' ? {} : { audiences: [audience] }),
        expirationSeconds: seconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    }
    const resource: Resource<TokenRequest> = serviceAccounts // its subresource takes another kind
    const { status } = await this.#api.create(resource, wanted, 'token')
    const age = Math.min(seconds * 1000 * RENEW_AFTER, MAX_AGE_MS)
    return { token: status?.token ?? '', renewAt: this.#now() + age }
  }
}
