import type { CNICall } from './cni-call.ts'
import { CNI_CODE, CNIError } from './cni-error.ts'
import { readFields } from './fields.ts'

/** What GC keeps: one interface of one container. */
export interface Attachment {
  readonly containerID: string
  readonly ifname: string
}

/** Since 1.1.0; libcni also sends the second, which the first drafts had (containernetworking/cni#1101). */
const KEYS = ['cni.dev/valid-attachments', 'cni.dev/attachments'] as const

/**
 * The attachments that a GC call leaves (SPEC.md 1.1.0, "GC"). A list that is null is an empty one, as Go writes it; a call without any
 * says nothing about what is valid, and must not cost every pod its network.
 * @throws CNIError 7
 */
export function validAttachments({ config }: CNICall): readonly Attachment[] {
  const key = KEYS.find((each) => config.has(each))
  if (key === undefined) {
    throw new CNIError(CNI_CODE.badConfig, `GC needs the key ${KEYS[0]}`)
  }
  return config.list(key).map((each) => {
    const fields = readFields(each, key)
    return { containerID: fields.text('containerID') ?? '', ifname: fields.text('ifname') ?? '' }
  })
}

export function isValid(
  valid: readonly Attachment[],
  { containerID, ifname }: { readonly containerID: string; readonly ifname?: string },
): boolean {
  return valid.some(
    (each) => each.containerID === containerID && (ifname === undefined || each.ifname === ifname),
  )
}
