import type { Namespace } from '#api/core.ts'
import type { Condition, KubernetesObject } from '#api/meta.ts'
import * as resources from '#api/resources.ts'
import { type API, APIStatusError } from '#client/api.ts'
import type { Controller } from '#client/controller.ts'
import type { DiscoveredResource } from '#client/discovery.ts'
import type { Informer, WriteThroughInformer } from '#client/informer.ts'
import { findCondition, setCondition } from './conditions.ts'

export interface NamespaceDeps {
  readonly api: API
  readonly namespaces: WriteThroughInformer<Namespace>
  /** Tell when something of a terminating namespace is gone, so that nobody need poll. */
  readonly contents: readonly Informer<KubernetesObject>[]
  readonly now?: () => number
}

const FINALIZER = 'kubernetes'
/** For what is not watched. */
const LOOK_AGAIN_MS = 5_000
/** Reviews are only asked, and hold nothing. */
/** Whatever kinds there are: also those that users brought. */
const isContent = ({ namespaced, verbs }: DiscoveredResource) =>
  namespaced && ['list', 'delete'].every((verb) => verbs.includes(verb))

/** Empties namespaces that are being deleted, then lets them go. */
export function namespaceController({
  api,
  namespaces,
  contents,
  now = Date.now,
}: NamespaceDeps): Controller {
  /** Asks for the deletion of all content. Resolves with what is still there, by resource. */
  async function empty(namespace: string): Promise<ReadonlyMap<string, number>> {
    const left = new Map<string, number>()
    for (const resource of (await api.discover()).filter(isContent)) {
      const { items } = await api.list(resource, { namespace })
      for (const { metadata } of items) {
        if (metadata.deletionTimestamp === undefined) {
          await api.delete(resource, metadata, { propagationPolicy: 'Background' })
        }
      }
      const { items: after } =
        items.length > 0 ? await api.list(resource, { namespace }) : { items: [] }
      if (after.length > 0)
        left.set(
          resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`,
          after.length,
        )
    }
    return left
  }

  async function report(namespace: Namespace, left: ReadonlyMap<string, number>): Promise<void> {
    const condition = remaining(left)
    const held = findCondition(namespace.status?.conditions, condition.type)
    if (held?.message === condition.message) return
    const conditions = setCondition(namespace.status?.conditions, condition, now())
    const status = { ...namespace.status, phase: 'Terminating' as const, conditions }
    namespaces.remember(await api.update(resources.namespaces, { ...namespace, status }, 'status'))
  }

  async function finalize(namespace: Namespace): Promise<void> {
    const finalizers = (namespace.spec?.finalizers ?? []).filter((name) => name !== FINALIZER)
    try {
      await api.update(
        resources.namespaces,
        { ...namespace, spec: { ...namespace.spec, finalizers } },
        'finalize',
      )
    } catch (error) {
      if (!(error instanceof APIStatusError) || error.code !== 404) throw error
    }
  }

  return {
    name: 'namespace',
    informers: [namespaces],
    start(enqueue) {
      const stops = [
        namespaces.subscribe(({ type, object }) => {
          if (type !== 'deleted' && object.metadata.deletionTimestamp !== undefined)
            enqueue(object.metadata)
        }),
        ...contents.map((informer) =>
          informer.subscribe(({ type, object }) => {
            const name = object.metadata.namespace ?? ''
            if (
              type === 'deleted' &&
              namespaces.get({ name })?.metadata.deletionTimestamp !== undefined
            )
              enqueue({ name })
          }),
        ),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile({ name }) {
      const namespace = namespaces.get({ name })
      if (namespace?.metadata.deletionTimestamp === undefined) return undefined
      if (!(namespace.spec?.finalizers ?? []).includes(FINALIZER)) return undefined
      const left = await empty(name)
      if (left.size > 0) {
        await report(namespace, left)
        return LOOK_AGAIN_MS
      }
      await finalize(namespace)
      return undefined
    },
  }
}

/** Source of type, reason and sentence: pkg/controller/namespace/deletion/status_condition_utils.go. */
function remaining(left: ReadonlyMap<string, number>): Condition {
  const list = [...left]
    .map(([resource, count]) => `${resource} has ${count} resource instances`)
    .join(', ')
  return {
    type: 'NamespaceContentRemaining',
    status: 'True',
    reason: 'SomeResourcesRemain',
    message: `Some resources are remaining: ${list}`,
  }
}
