import type { ConfigMap, Pod, Secret } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import type { VolumeReferences } from '../volumes/plan-projected.ts'
import type { PodTokens } from '../volumes/pod-tokens.ts'
import { referencesOf, tokensOf } from '../volumes/pod-volumes.ts'

/** In every pod's volume; a new authority is a new cluster, so that it need not be read each time. */
const ROOT_CA = 'kube-root-ca.crt'
const ROOT_CA_MS = 60_000

interface Known {
  readonly map: ConfigMap
  readonly until: number
}

/** Reads what pods refer to. */
export class PodReferences {
  readonly #rootCAs = new Map<string, Known>()
  readonly #api: API
  readonly #tokens: PodTokens
  readonly #now: () => number

  constructor(api: API, tokens: PodTokens, now: () => number) {
    this.#api = api
    this.#tokens = tokens
    this.#now = now
  }

  /** Fetches the ConfigMaps and Secrets that the pod names, as they are now, and its tokens. */
  async fetch(pod: Pod): Promise<VolumeReferences> {
    const namespace = pod.metadata.namespace ?? 'default'
    const { configMaps, secrets } = referencesOf(pod)
    const held = { configMaps: new Map<string, ConfigMap>(), secrets: new Map<string, Secret>() }
    const tokens = new Map<object, string>()
    await Promise.all([
      ...[...configMaps].map(async (name) => {
        const found = await this.#configMap(namespace, name)
        if (found) held.configMaps.set(name, found)
      }),
      ...[...secrets].map(async (name) => {
        const found = await this.#api.get(resources.secrets, { namespace, name })
        if (found) held.secrets.set(name, found)
      }),
      ...tokensOf(pod).map(async (projection) => {
        tokens.set(projection, await this.#tokens.get(pod, projection))
      }),
    ])
    return {
      configMap: (name) => held.configMaps.get(name),
      secret: (name) => held.secrets.get(name),
      token: (projection) => tokens.get(projection),
    }
  }

  /** The pod is gone. */
  forget(podUID: string): void {
    this.#tokens.forget(podUID)
  }

  async #configMap(namespace: string, name: string): Promise<ConfigMap | undefined> {
    const known = name === ROOT_CA ? this.#rootCAs.get(namespace) : undefined
    if (known && this.#now() < known.until) return known.map
    const map = await this.#api.get(resources.configMaps, { namespace, name })
    if (map && name === ROOT_CA)
      this.#rootCAs.set(namespace, { map, until: this.#now() + ROOT_CA_MS })
    return map
  }
}
