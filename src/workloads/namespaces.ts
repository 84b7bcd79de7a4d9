import type { Namespace } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import * as resources from '#api/resources.ts'
import { type API, APIStatusError } from '#client/api.ts'
import type { Controller } from '#client/controller.ts'
import type { DiscoveredResource } from '#client/discovery.ts'
import type { Informer, WriteThroughInformer } from '#client/informer.ts'
import { type Emptying, withDeletionConditions } from './namespace-conditions.ts'

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
  /** Asks for the deletion of all content. Resolves with what is still there. */
  async function empty(namespace: string): Promise<Emptying> {
    const left = new Map<string, number>()
    const finalizers = new Map<string, number>()
    const failures: string[] = []
    const told = { resources: left, finalizers, failures }
    let all: readonly DiscoveredResource[]
    try {
      all = await api.discover()
    } catch (error) {
      return { ...told, undiscovered: messageOf(error) }
    }
    for (const resource of all.filter(isContent)) {
      try {
        const after = await emptyOf(resource, namespace)
        if (after.length === 0) continue
        left.set(`${resource.plural}.${resource.group}`, after.length)
        for (const name of after.flatMap(({ metadata }) => metadata.finalizers ?? []))
          finalizers.set(name, (finalizers.get(name) ?? 0) + 1)
      } catch (error) {
        failures.push(messageOf(error))
      }
    }
    return told
  }

  async function emptyOf(
    resource: DiscoveredResource,
    namespace: string,
  ): Promise<readonly KubernetesObject[]> {
    const { items } = await api.list(resource, { namespace })
    for (const { metadata } of items) {
      if (metadata.deletionTimestamp === undefined)
        await api.delete(resource, metadata, { propagationPolicy: 'Background' })
    }
    return items.length > 0 ? (await api.list(resource, { namespace })).items : []
  }

  async function report(namespace: Namespace, emptying: Emptying): Promise<void> {
    const held = namespace.status?.conditions
    const conditions = withDeletionConditions(held, emptying, now())
    if (conditions === held) return
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
      const emptying = await empty(name)
      if (!isEmptied(emptying)) {
        await report(namespace, emptying)
        return LOOK_AGAIN_MS
      }
      await finalize(namespace)
      return undefined
    },
  }
}

const isEmptied = ({ resources: left, failures, undiscovered }: Emptying) =>
  left.size === 0 && failures.length === 0 && undiscovered === undefined

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
