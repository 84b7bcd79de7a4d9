import type { ConfigMap, Namespace } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { type Controller, isAlreadyExists, isNamespaceGone } from '#client/controller.ts'
import type { Informer } from '#client/informer.ts'

const NAME = 'kube-root-ca.crt'
const DESCRIPTION = 'kubernetes.io/description'

export interface RootCADeps {
  readonly api: API
  readonly namespaces: Informer<Namespace>
  /** Their content is not looked at. */
  readonly configMaps: Informer<ConfigMap>
}

/** Keeps a ConfigMap in every namespace with the authority by which pods know the API server. Source: kube-controller-manager's root-ca-cert-publisher. */
export function rootCAController(
  { api, namespaces, configMaps }: RootCADeps,
  caPEM: string,
): Controller {
  return {
    name: 'root-ca-cert-publisher',
    informers: [namespaces, configMaps],
    start(enqueue) {
      const stops = [
        namespaces.subscribe(({ object }) => enqueue(object.metadata)),
        configMaps.subscribe(({ object }) => {
          if (object.metadata.name === NAME) enqueue({ name: object.metadata.namespace ?? '' })
        }),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile({ name: namespace }) {
      const found = namespaces.get({ name: namespace })
      if (!found || found.metadata.deletionTimestamp !== undefined) return undefined
      const held = configMaps.get({ namespace, name: NAME })
      const wanted: ConfigMap = {
        metadata: { name: NAME, namespace, annotations: { [DESCRIPTION]: EXPLANATION } },
        data: { 'ca.crt': caPEM },
      }
      try {
        if (!held) await api.create(resources.configMaps, wanted)
        // An update that changes nothing is none: so whatever somebody did to it is undone.
        else await api.update(resources.configMaps, wanted)
      } catch (error) {
        if (!isAlreadyExists(error) && !isNamespaceGone(error)) throw error
      }
      return undefined
    },
  }
}

const EXPLANATION =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.'
