import type { Service } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { Claim } from '../claims.ts'

/** One thing that a repair does. */
export type Step =
  | {
      readonly kind: 'event'
      readonly object: KubernetesObject
      readonly reason: string
      readonly action: string
      readonly message: string
    }
  | { readonly kind: 'create'; readonly name: string; readonly service: Service }
  /** Its owner or its labels are wrong. */
  | { readonly kind: 'recreate'; readonly claim: Claim; readonly service: Service }
  | { readonly kind: 'delete'; readonly claim: Claim }

/** What is stored, as far as a repair needs it. */
export interface StoredState {
  claim(name: string): Claim | undefined
  service(reference: Claim['spec']['parentRef']): Service | undefined
}

/** How old a claim must be that nobody uses: the longest time that a request may take. */
export const GRACE_MS = 60_000

export function ageOf({ metadata }: KubernetesObject, now: number): number {
  return now - Date.parse(metadata.creationTimestamp ?? '')
}
