import type { CNICall } from '../../protocol/cni-call.ts'
import { readFields } from '../../protocol/fields.ts'

/** What GC is told to leave alone. */
export function validAttachments({
  config,
}: CNICall): readonly { readonly containerID: string; readonly ifname: string }[] {
  return config.list('cni.dev/valid-attachments').map((each) => {
    const fields = readFields(each, 'cni.dev/valid-attachments')
    return { containerID: fields.text('containerID') ?? '', ifname: fields.text('ifname') ?? '' }
  })
}
