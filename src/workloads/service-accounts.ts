import type { Namespace, ServiceAccount } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { type Controller, isAlreadyExists, isNamespaceGone } from '#client/controller.ts'
import type { Informer } from '#client/informer.ts'

export interface ServiceAccountDeps {
  readonly api: API
  readonly namespaces: Informer<Namespace>
  readonly serviceAccounts: Informer<ServiceAccount>
}

/** Keeps a ServiceAccount `default` in every namespace: the one that pods run as which name none. */
export function serviceAccountController({
  api,
  namespaces,
  serviceAccounts,
}: ServiceAccountDeps): Controller {
  return {
    name: 'serviceaccount',
    informers: [namespaces, serviceAccounts],
    start(enqueue) {
      const stops = [
        namespaces.subscribe(({ object }) => enqueue(object.metadata)),
        serviceAccounts.subscribe(({ type, object }) => {
          if (type === 'deleted' && object.metadata.name === 'default')
            enqueue({ name: object.metadata.namespace ?? '' })
        }),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile({ name }) {
      const namespace = namespaces.get({ name })
      if (!namespace || namespace.metadata.deletionTimestamp !== undefined) return undefined
      if (serviceAccounts.get({ namespace: name, name: 'default' })) return undefined
      try {
        await api.create(resources.serviceAccounts, {
          metadata: { name: 'default', namespace: name },
        })
      } catch (error) {
        if (!isAlreadyExists(error) && !isNamespaceGone(error)) throw error
      }
      return undefined
    },
  }
}
