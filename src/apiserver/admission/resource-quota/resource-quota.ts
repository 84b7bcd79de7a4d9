import type { ResourceQuota } from '#api/limits.ts'
import { planRelease, type Shares } from '#api/quota/charge.ts'
import { concerns } from '#api/quota/scopes.ts'
import { isCounted } from '#api/quota/usage.ts'
import { resourceQuotas } from '#api/resources.ts'
import type { Admission, AdmissionRequest, Settle, StoredObjects } from '../admission.ts'
import { createQuotaLedger, type QuotaLedger } from './quota-ledger.ts'

/** What is known of one namespace that has quotas. */
interface Bounds {
  readonly quotas: Map<string, ResourceQuota>
  readonly ledger: QuotaLedger
}

/**
 * Refuses what a namespace's quotas have no room for. What an object takes is written into their status before the
 * object is stored, so that several servers together never give more than there is; a write that fails and an object
 * that goes, or takes less, gives its share back. Source: apiserver admission/plugin/resourcequota.
 */
export function createResourceQuota(now: () => number = Date.now): Admission {
  const namespaces = new Map<string, Bounds>()
  let following: Disposable | undefined

  function boundsOf(namespace: string, objects: StoredObjects): Bounds {
    const quotas = new Map<string, ResourceQuota>()
    const read = async () => {
      const found = await Promise.all(
        [...quotas.keys()]
          .toSorted()
          .map((name) => objects.get(resourceQuotas, { namespace, name })),
      )
      return found.filter((quota) => quota !== undefined)
    }
    return { quotas, ledger: createQuotaLedger(objects, read, now) }
  }

  /** The bounds that this object falls under. */
  function find({ resource, object }: AdmissionRequest): Bounds | undefined {
    const bounds = namespaces.get(object.metadata.namespace ?? '')
    if (!bounds || !isCounted(resource)) return undefined
    const some = [...bounds.quotas.values()].some((quota) => concerns(quota, resource, object))
    return some ? bounds : undefined
  }

  const giveBack = (bounds: Bounds, request: AdmissionRequest, next?: AdmissionRequest['object']) =>
    // Where it cannot be written, the quota controller finds the difference.
    bounds.ledger
      .release(planRelease(request, next, [...bounds.quotas.values()], now()))
      .catch(() => undefined)

  async function charge(bounds: Bounds, request: AdmissionRequest): Promise<Settle> {
    const shares: Shares = await bounds.ledger.charge(request)
    return async (stored) => {
      if (!stored) await bounds.ledger.release(shares).catch(() => undefined)
    }
  }

  return {
    async start(objects) {
      following = await objects.follow(resourceQuotas, {
        replaced(all) {
          for (const { quotas } of namespaces.values()) quotas.clear()
          for (const quota of all) this.put(quota)
        },
        put(quota) {
          const { namespace = '', name } = quota.metadata
          const bounds = namespaces.get(namespace) ?? boundsOf(namespace, objects)
          namespaces.set(namespace, bounds)
          bounds.quotas.set(name, quota)
        },
        removed({ metadata: { namespace = '', name } }) {
          namespaces.get(namespace)?.quotas.delete(name)
          if (namespaces.get(namespace)?.quotas.size === 0) namespaces.delete(namespace)
        },
      })
    },
    stop() {
      following?.[Symbol.dispose]()
    },
    async admit(request) {
      const { object } = request
      const bounds = request.operation === 'DELETE' ? find(request) : undefined
      if (!bounds) return { object }
      return { object, settle: async (gone) => void (gone && (await giveBack(bounds, request))) }
    },
    async check(request) {
      const { operation, object, old, subresource } = request
      const bounds = find(request)
      if (operation === 'CREATE')
        return bounds && !subresource ? charge(bounds, request) : undefined
      const before = old && find({ ...request, object: old })
      const settled =
        bounds && !subresource && TAKES_MORE.has(request.resource.plural)
          ? await charge(bounds, request)
          : undefined
      if (!before) return settled
      const was = { ...request, object: old }
      return async (stored) => {
        await settled?.(stored)
        if (stored) await giveBack(before, was, object)
      }
    },
  }
}

/** What an update can make take more: nothing else has its updates refused. */
const TAKES_MORE = new Set(['services', 'persistentvolumeclaims'])
