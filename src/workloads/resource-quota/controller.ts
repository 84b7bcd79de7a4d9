import { kinds } from '#api/kinds/kinds.ts'
import type { ResourceQuota } from '#api/limits.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { isCounted, isTakenBy } from '#api/quota/usage.ts'
import { customResourceDefinitions, type Resource, resourceQuotas } from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { type Controller, formatKey } from '#client/controller.ts'
import type { Informer, WriteThroughInformer } from '#client/informer.ts'
import {
  correct,
  countUse,
  type Drift,
  type Holding,
  isUnsteady,
  noteDrift,
  planCorrection,
  planStatus,
} from './plan.ts'

export interface Followed {
  readonly resource: Resource
  readonly informer: Informer<KubernetesObject>
}

export interface ResourceQuotaDeps {
  readonly api: API
  readonly quotas: WriteThroughInformer<ResourceQuota>
  /** What need not be asked for to be counted. */
  readonly followed: readonly Followed[]
  readonly now?: () => number
}

/** How soon a quota is looked at again: soon while it is off. */
const UNSTEADY_MS = 1_000
const STEADY_MS = 10_000

/**
 * Puts a quota's bounds in force, counts what there is already, and mends what is off for long. While objects come and
 * go, it is the API server that charges them and gives back: counting alone would miss what is just being stored.
 */
export function resourceQuotaController(deps: ResourceQuotaDeps): Controller {
  const { api, quotas, followed, now = Date.now } = deps
  /** By the quota's uid. */
  const drifts = new Map<string, Drift>()

  const listed = async (quota: ResourceQuota): Promise<readonly Holding[]> => {
    const { namespace = '' } = quota.metadata
    const resources = await findCounted(quota, api)
    return Promise.all(
      resources.map(async (resource) => ({
        resource,
        objects: (await api.list(resource, { namespace })).items,
      })),
    )
  }

  /** Of what is followed, as it is known here. */
  const known = async (quota: ResourceQuota): Promise<readonly Holding[]> => {
    const { namespace = '' } = quota.metadata
    const resources = await findCounted(quota, api)
    return Promise.all(
      resources.map(async (resource) => {
        const { informer } =
          followed.find(
            ({ resource: { group, plural } }) =>
              group === resource.group && plural === resource.plural,
          ) ?? {}
        const objects = informer
          ? informer.select(namespace, {})
          : (await api.list(resource, { namespace })).items
        return { resource, objects }
      }),
    )
  }

  async function write(quota: ResourceQuota): Promise<void> {
    quotas.remember(await api.update(resourceQuotas, quota, 'status'))
  }

  /** Looks once more, past all caches, before it believes what was off. */
  async function mend(quota: ResourceQuota, drift: Drift): Promise<void> {
    const fresh = await api.get(resourceQuotas, quota.metadata)
    if (!fresh) return
    const counted = countUse(fresh, await listed(fresh), now())
    const difference = planCorrection(noteDrift(drift, fresh, counted, now()), now())
    if (difference) await write(correct(fresh, difference))
  }

  return {
    name: 'resource-quota',
    informers: [quotas, ...followed.map(({ informer }) => informer)],
    start(enqueue) {
      return quotas.subscribe(({ type, object, previous }) => {
        if (type === 'deleted') drifts.delete(object.metadata.uid ?? '')
        else if (!previous || !isSameSpec(object, previous)) enqueue(object.metadata)
      })
    },
    async reconcile(key) {
      const quota = quotas.get(key)
      if (!quota) return undefined
      const { uid = formatKey(key) } = quota.metadata
      const counted = countUse(quota, await known(quota), now())
      const status = planStatus(quota, counted)
      if (status) {
        drifts.delete(uid)
        await write({ ...quota, status })
        return UNSTEADY_MS
      }
      const drift = noteDrift(drifts.get(uid), quota, counted, now())
      drifts.set(uid, drift)
      if (planCorrection(drift, now())) {
        drifts.delete(uid)
        await mend(quota, drift)
      } else if (!isUnsteady(drift) || isPassed(drift)) drifts.delete(uid)
      return isUnsteady(drift) ? UNSTEADY_MS : STEADY_MS
    },
  }
}

/** Nothing of it was off all the time: a new time begins. */
const isPassed = ({ range }: Drift) =>
  Object.values(range).every(({ least, most }) => least <= 0n && most >= 0n)

const isSameSpec = ({ spec }: ResourceQuota, { spec: before }: ResourceQuota) =>
  JSON.stringify(spec) === JSON.stringify(before)

/** The resources whose objects take of what the quota bounds, among them those that definitions name. */
async function findCounted({ spec }: ResourceQuota, api: API): Promise<readonly Resource[]> {
  const names = Object.keys(spec?.hard ?? {})
  const builtIn = kinds
    .filter(({ resource, verbs }) => isCounted(resource) && (!verbs || verbs.includes('list')))
    .map(({ resource }) => resource)
  const isNamed = (resource: Resource) => names.some((name) => isTakenBy(resource, name))
  const found = builtIn.filter(isNamed)
  const others = names.filter(
    (name) => name.startsWith('count/') && !found.some((each) => isTakenBy(each, name)),
  )
  return others.length === 0 ? found : [...found, ...(await listDefined(api)).filter(isNamed)]
}

async function listDefined(api: API): Promise<readonly Resource[]> {
  const { items } = await api.list(customResourceDefinitions)
  return items
    .filter(({ spec }) => spec.scope === 'Namespaced')
    .flatMap(({ spec: { group, names, versions } }) => {
      const version = versions.find(({ served }) => served)?.name
      return version === undefined
        ? []
        : [{ group, version, kind: names.kind, plural: names.plural, namespaced: true }]
    })
}
