import type { Node, Pod } from '#api/core.ts'

/** A node, and the pods that hold it: not finished, bound or about to be. */
export interface Place {
  readonly node: Node
  readonly pods: readonly Pod[]
}

/** Why a pod cannot run on a node, in kube-scheduler's words. `isFinal`: evicting other pods would not help. */
export interface Misfit {
  readonly reasons: readonly string[]
  readonly isFinal: boolean
}

/** What a rule that compares nodes makes of one of them. */
export type Judge = (place: Place) => Misfit | undefined

/** The value of a label that names where a node is: its zone, its own name. */
export const domainOf = ({ metadata: { labels } }: Node, key: string): string | undefined =>
  labels && Object.hasOwn(labels, key) ? labels[key] : undefined
