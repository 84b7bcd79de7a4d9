import type { JSONValue } from '#api/json.ts'
import type { KubernetesObject, Status } from '#api/meta.ts'
import { applyMergePatch } from '#api/patch/merge-patch.ts'

export function statusOf(code: number, reason: string, message: string): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code,
  }
}

export function copy<T>(object: T): T {
  return structuredClone(object)
}

export function defined<T extends object>(
  fields: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as never
}

export function specOf(object: KubernetesObject): string {
  return JSON.stringify((object as { spec?: unknown }).spec)
}

/** Through JSON, as on the wire: what is undefined is not there. */
export function merged(object: KubernetesObject, patch: unknown): KubernetesObject {
  const [doc, change]: JSONValue[] = JSON.parse(JSON.stringify([object, patch]))
  return applyMergePatch(doc!, change!) as unknown as KubernetesObject
}
