import { kernelBackend } from '../backend.ts'
import type { Netns } from '../netns/netns.ts'
import { openCommandRtnetlink } from './command/command-rtnetlink.ts'
import type { Rtnetlink } from './model.ts'
import { openSystemCallRtnetlink } from './system-call-rtnetlink.ts'

/** rtnetlink of `netns` (by default the caller's). It stays with that namespace, wherever the caller goes. */
export function openRtnetlink(netns?: Netns): Rtnetlink {
  return kernelBackend() === 'ffi' ? openSystemCallRtnetlink(netns) : openCommandRtnetlink(netns)
}
