import type { ControllerRevision } from '#api/apps.ts'
import { equalJSON } from '#api/json.ts'
import type { LabelSelector } from '#api/meta.ts'
import { controllerRevisions, type Resource } from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { isAlreadyExists } from '#client/controller.ts'
import type { WriteThroughInformer } from '#client/informer.ts'
import { applyClaims, planClaims } from '../claims.ts'
import { byRevision, findRevision, makeRevision, type Owner, planTruncation } from './revisions.ts'

interface Selecting extends Owner {
  readonly spec: Owner['spec'] & { readonly selector: LabelSelector }
  readonly status?: { readonly collisionCount?: number }
}

export interface HistoryDeps {
  readonly api: API
  readonly revisions: WriteThroughInformer<ControllerRevision>
  readonly resource: Resource
  /** Label of a revision that holds its hash. */
  readonly hashLabel: string
}

export interface History {
  /** That of the present template. */
  readonly update: ControllerRevision
  /** All, the oldest first. */
  readonly all: readonly ControllerRevision[]
  /** Grown where a name was taken by another template. */
  readonly collisionCount: number
}

/** The writes that keep a workload's ControllerRevisions. Source: pkg/controller/history. */
export function historyKeeper({ api, revisions, resource, hashLabel }: HistoryDeps) {
  async function create(owner: Selecting, revision: number, collisions: number) {
    for (let collisionCount = collisions; ; collisionCount++) {
      const wanted = makeRevision(resource, owner, revision, collisionCount, hashLabel)
      try {
        const made = await api.create(controllerRevisions, wanted)
        revisions.remember(made)
        return { made, collisionCount }
      } catch (error) {
        if (!isAlreadyExists(error)) throw error
      }
      const existing = await api.get(controllerRevisions, wanted.metadata)
      if (existing && equalJSON(existing.data, wanted.data)) {
        revisions.remember(existing)
        return { made: existing, collisionCount }
      }
    }
  }

  return {
    /** Makes the revision of the present template, or the newest of an earlier one again. */
    async keep(owner: Selecting): Promise<History> {
      const held = revisions.select(owner.metadata.namespace ?? '', {})
      const claims = planClaims(owner, held)
      const owned = byRevision(
        await applyClaims(api, resource, owner, controllerRevisions, revisions, claims),
      )
      const collisionCount = owner.status?.collisionCount ?? 0
      const newest = owned.at(-1)?.revision ?? 0
      const found = findRevision(owner, owned)
      if (found?.revision === newest) return { update: found, all: owned, collisionCount }
      if (found) {
        const again = await api.update(controllerRevisions, { ...found, revision: newest + 1 })
        revisions.remember(again)
        const others = owned.filter(({ metadata }) => metadata.name !== again.metadata.name)
        return { update: again, all: [...others, again], collisionCount }
      }
      const { made, collisionCount: count } = await create(owner, newest + 1, collisionCount)
      return { update: made, all: [...owned, made], collisionCount: count }
    },

    async truncate(owner: Owner, all: readonly ControllerRevision[], live: ReadonlySet<string>) {
      for (const { metadata } of planTruncation(owner, all, live)) {
        const { uid } = metadata
        const options = uid === undefined ? {} : { preconditions: { uid } }
        await api.delete(controllerRevisions, metadata, options)
      }
    },
  }
}
