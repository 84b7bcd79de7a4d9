import type { Deployment, ReplicaSet } from '#api/apps.ts'
import type { PodTemplateSpec } from '#api/core.ts'
import { equalJSON } from '#api/json.ts'

/** Tells the pods of a Deployment's replica sets apart. */
export const HASH_LABEL = 'pod-template-hash'

/** Whether the replica set was made from this template. */
export function isSameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec): boolean {
  return a !== undefined && equalJSON(essence(a), essence(b))
}

/** The newest replica set is the one of the Deployment's template; of several the oldest, so that all observers agree. */
export function findNewest(
  deployment: Deployment,
  replicaSets: readonly ReplicaSet[],
): ReplicaSet | undefined {
  return byAge(replicaSets).find(({ spec }) =>
    isSameTemplate(spec.template, deployment.spec.template),
  )
}

export function byAge(replicaSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const key = ({ metadata }: ReplicaSet) => `${metadata.creationTimestamp ?? ''} ${metadata.name}`
  return replicaSets.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}

/**
 * A short name for the template: FNV-1a over its JSON with sorted keys, in letters that spell no words. Upstream
 * hashes a Go dump; the value is opaque, it must only differ between templates.
 */
export function hashTemplate(template: PodTemplateSpec, collisionCount: number): string {
  const text = `${stableJSON(essence(template))}${collisionCount > 0 ? collisionCount : ''}`
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return encodeSafely(String(hash))
}

/** apimachinery pkg/util/rand: no vowels and no digits that look like them. */
const SAFE = 'bcdfghjklmnpqrstvwxz2456789'

function encodeSafely(text: string): string {
  return [...text].map((char) => SAFE[char.charCodeAt(0) % SAFE.length]).join('')
}

function essence({ metadata, spec }: PodTemplateSpec): unknown {
  const { [HASH_LABEL]: _, ...labels } = metadata?.labels ?? {}
  const { annotations = {}, finalizers = [] } = metadata ?? {}
  return { labels, annotations, finalizers, spec }
}

function stableJSON(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
}
